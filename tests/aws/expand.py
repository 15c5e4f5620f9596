"""Expands template.yaml as CloudFormation would before it deploys it, and prints JSON.

    expand.py [--as-deployed] [Name=Value ...]

With `--as-deployed` what the parameters switch off is gone, as far as conditions decide it; without, the result is a template
that a linter can read. Parameters that are not given have their defaults.
"""

import json
import logging
import os
import pathlib
import re
import sys

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")

from samcli.yamlhelper import yaml_parse  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402

TEMPLATE = pathlib.Path(__file__).parents[2] / "template.yaml"


class NoManagedPolicies:
    """Stands in for IAM, which is asked for the ARNs of managed policies. Every role of ours has its own."""

    def load(self):
        return {}


def parameters(template, given):
    for name, value in given.items():
        if name not in template["Parameters"]:
            sys.exit(f"no such parameter: {name}")
        parameter = template["Parameters"][name]
        each = value.split(",") if parameter["Type"] == "CommaDelimitedList" else [value]
        if not all(re.fullmatch(parameter.get("AllowedPattern", ".*"), part) for part in each):
            sys.exit(f"{name} {parameter['ConstraintDescription']}")
        if value not in map(str, parameter.get("AllowedValues", [value])):
            sys.exit(f"{name} must be one of {parameter['AllowedValues']}")
    defaults = {name: each["Default"] for name, each in template["Parameters"].items() if "Default" in each}
    return {name: str(value) for name, value in (defaults | given).items()}


class Deployed:
    """What is left of a template under these parameters."""

    def __init__(self, template, values):
        self.conditions, self.values = template["Conditions"], values

    def holds(self, condition):
        if isinstance(condition, str):
            return self.holds(self.conditions[condition])
        ((function, operands),) = condition.items()
        if function == "Condition":
            return self.holds(operands)
        if function == "Fn::Not":
            return not self.holds(operands[0])
        if function == "Fn::Equals":
            return self.text(operands[0]) == self.text(operands[1])
        raise NotImplementedError(function)

    def text(self, value):
        if isinstance(value, dict) and "Ref" in value:
            return self.values[value["Ref"]]
        if isinstance(value, dict) and "Fn::Join" in value:
            # A list parameter joined with nothing: all that matters is whether it is empty.
            return self.text(value["Fn::Join"][1]).replace(",", "")
        return str(value)

    def without(self, value):
        """The value without the branches that are not taken; `None` where it is `AWS::NoValue`."""
        if isinstance(value, list):
            return [each for each in map(self.without, value) if each is not None]
        if not isinstance(value, dict):
            return value
        if value == {"Ref": "AWS::NoValue"}:
            return None
        if "Fn::If" in value:
            condition, then, otherwise = value["Fn::If"]
            return self.without(then if self.holds(condition) else otherwise)
        kept = {name: self.without(each) for name, each in value.items()}
        return {name: each for name, each in kept.items() if each is not None}

    def section(self, section):
        kept = {name: each for name, each in section.items() if "Condition" not in each or self.holds(each["Condition"])}
        return self.without(kept)


def main():
    logging.disable(logging.CRITICAL)
    arguments = sys.argv[1:]
    as_deployed = "--as-deployed" in arguments
    given = dict(argument.split("=", 1) for argument in arguments if argument != "--as-deployed")
    template = yaml_parse(TEMPLATE.read_text())
    # `sam build` replaces it by the folder that it built, and `sam deploy` by where it was put.
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"
    values = parameters(template, given)
    expanded = transform(template, values, NoManagedPolicies())
    if as_deployed:
        deployed = Deployed(expanded, values)
        for section in ("Resources", "Outputs"):
            expanded[section] = deployed.section(expanded[section])
    json.dump(expanded, sys.stdout, indent=1)


main()
