"""Runs ministack, with what IAM is told of a request and ministack leaves out.

With AUTH=true ministack checks signatures and evaluates the policies of every caller, also those of the functions' roles. For
the condition keys below it has no value, and for `ses:SendEmail` no resource, so that our statements would never apply. They
are as the Service Authorization Reference has them.
"""

import contextvars
import json

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id

BODY = contextvars.ContextVar("body", default=b"")


def leading_keys(body):
    """The partition keys that a call to DynamoDB names. That of our table is `pk`."""
    items = [next(iter(item.values())) for item in body.get("TransactItems", [])] or [body]
    return {"dynamodb:LeadingKeys": [key for item in items for key in item["Key"]["pk"].values()]}


KEYS = {
    "dynamodb:GetItem": leading_keys,
    "dynamodb:UpdateItem": leading_keys,
    "kms:GenerateMac": lambda body: {"kms:MacAlgorithm": body["MacAlgorithm"]},
    "ses:SendEmail": lambda body: {"ses:FromAddress": body["FromEmailAddress"]},
}

extract_iam_action, enforce = iam_actions.extract_iam_action, iam_evaluator.enforce


def remember_body(service, method, path, headers, body, *rest):
    BODY.set(body)
    return extract_iam_action(service, method, path, headers, body, *rest)


def enforce_with_keys(access_key, action, service, region, resource_arn="*", service_context=None):
    if action in KEYS:
        body = json.loads(BODY.get())
        service_context = {**(service_context or {}), **KEYS[action](body)}
        if action == "ses:SendEmail":
            resource_arn = f"arn:aws:ses:{region}:{get_account_id()}:identity/{body['FromEmailAddress']}"
    return enforce(access_key, action, service, region, resource_arn=resource_arn, service_context=service_context)


iam_actions.extract_iam_action, iam_evaluator.enforce = remember_body, enforce_with_keys
app.main()
