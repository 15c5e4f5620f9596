//! A stack in AWS on this machine, deployed by `sam deploy` as its users do, and called through its gateway.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use countersign::http::routes::Function;
use serde_json::{Value, json};

use crate::aws::{AccessKey, Aws, Call, element, encoded};
use crate::rig::proxy::Proxy;
use crate::rig::sam;
use crate::stack::{BROWSER, Caller, Reply, binary, built_by_sam, root};
use crate::walk::{Deployed, RETURN_URL, TRANSFERS};

/// The scope of an access token that Cognito gives for a password.
pub(crate) const SCOPE: &str = "aws.cognito.signin.user.admin";
/// Cognito's password policy asks for all of these.
const PASSWORD: &str = "Correct-horse-7";

/// A stack, a user pool whose tokens it takes, and a back end whose key it takes.
pub(crate) struct Cloud {
    pub(crate) aws: Aws,
    built: PathBuf,
    pool: String,
    pub(crate) client: String,
    back_end: AccessKey,
    /// Answers in place of Rekognition, which ministack lacks.
    pub(crate) rekognition: Proxy,
    /// The tokens of each user and session, and the user's id.
    sessions: Mutex<BTreeMap<(String, String), Tokens>>,
}

/// The tokens of a sign-in.
#[derive(Clone)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) id: String,
}

impl Cloud {
    /// Starts AWS and deploys the stack with these scopes. `None` where Python is missing.
    pub(crate) fn deployed(scopes: &str) -> Option<Self> {
        let aws = Aws::start()?;
        let pool = aws.json("cognito-idp", &cognito("CreateUserPool"), &json!({"PoolName": "users"}));
        let pool = pool["UserPool"]["Id"].as_str().unwrap().to_owned();
        let client = app_client(&aws, &pool);
        aws.rest("ses", "POST", "/v2/email/identities", &json!({"EmailIdentity": "security@example.com"}));
        let rekognition = Proxy::to_nowhere();
        let built = built(aws.folder.path(), &rekognition);
        let back_end = aws.user("back-end");
        let cloud = Self { aws, built, pool, client, back_end, rekognition, sessions: Mutex::default() };
        let issuer = format!("Issuer=https://cognito-idp.us-east-1.amazonaws.com/{}", cloud.pool);
        let audience = format!("Audience={}", cloud.client);
        let scopes = format!("Scopes={scopes}");
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
        cloud.deploy(&[
            &issuer,
            &audience,
            &scopes,
            &format!("Architecture={architecture}"),
            "EmailFrom=security@example.com",
            "AllowedCountries=CH",
            "ProductName=Example",
            &format!("TransactionTypes='{TRANSFERS}'"),
            &format!("ReturnUrls={RETURN_URL}"),
            "Faces=on",
            "PhotoHosts=photos.example.com",
        ]);
        let policy = cloud.output("BackEndPolicyArn");
        cloud.aws.form("iam", &[("Action", "AttachUserPolicy"), ("UserName", "back-end"), ("PolicyArn", &policy)]);
        Some(cloud)
    }

    /// Runs `sam deploy` with the project's settings and these parameters.
    #[track_caller]
    pub(crate) fn deploy(&self, parameters: &[&str]) -> String {
        let mut command = Command::new(sam::tool("sam").unwrap());
        command.arg("deploy").arg("--config-file").arg(fs::canonicalize(root()).unwrap().join("samconfig.toml"));
        command.arg("--template-file").arg(&self.built);
        if !parameters.is_empty() {
            command.arg("--parameter-overrides").args(parameters);
        }
        let command = command.current_dir(&self.aws.folder).env_clear().envs(self.aws.environment());
        sam::run(command.env("SAM_CLI_TELEMETRY", "0").env("SAM_CLI_POLL_DELAY", "0.1"))
    }

    fn described(&self) -> String {
        self.aws.form("cloudformation", &[("Action", "DescribeStacks"), ("StackName", "countersign")])
    }

    /// The stack's parameters.
    pub(crate) fn parameters(&self) -> BTreeMap<String, String> {
        let xml = self.described();
        let parameters = xml.split("<ParameterKey>").skip(1).map(|rest| rest.split_once('<').unwrap());
        parameters.map(|(name, rest)| (name.to_owned(), element(rest, "ParameterValue").to_owned())).collect()
    }

    /// An output of the stack.
    #[track_caller]
    pub(crate) fn output(&self, name: &str) -> String {
        let xml = self.described();
        let (_, rest) = xml.split_once(&format!("<OutputKey>{name}</OutputKey>")).unwrap_or_else(|| panic!("{xml}"));
        element(rest, "OutputValue").to_owned()
    }

    /// The name that a resource has in AWS.
    pub(crate) fn resource(&self, logical: &str) -> String {
        let asked = [("Action", "DescribeStackResource"), ("StackName", "countersign"), ("LogicalResourceId", logical)];
        element(&self.aws.form("cloudformation", &asked), "PhysicalResourceId").to_owned()
    }

    /// Deletes the stack, and waits until it is gone.
    pub(crate) fn delete(&self) {
        let id = element(&self.described(), "StackId").to_owned();
        self.aws.form("cloudformation", &[("Action", "DeleteStack"), ("StackName", &id)]);
        let started = Instant::now();
        loop {
            let xml = self.aws.form("cloudformation", &[("Action", "DescribeStacks"), ("StackName", &id)]);
            match element(&xml, "StackStatus") {
                "DELETE_COMPLETE" => return,
                "DELETE_IN_PROGRESS" if started.elapsed() < Duration::from_secs(30) => {}
                other => panic!("{other}: {xml}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The tokens of a user in a session. Both are made when they are first asked for.
    pub(crate) fn tokens(&self, user: &str, session: &str) -> Tokens {
        let mut sessions = self.sessions.lock().unwrap();
        if !sessions.keys().any(|(known, _)| known == user) {
            let named = json!({"UserPoolId": self.pool, "Username": user});
            let with = |more: Value| {
                let mut body = named.clone();
                body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                body
            };
            let email = json!([{"Name": "email", "Value": format!("{user}@example.com")}]);
            let create = with(json!({"MessageAction": "SUPPRESS", "UserAttributes": email}));
            self.aws.json("cognito-idp", &cognito("AdminCreateUser"), &create);
            let password = with(json!({"Password": PASSWORD, "Permanent": true}));
            self.aws.json("cognito-idp", &cognito("AdminSetUserPassword"), &password);
        }
        let key = (user.to_owned(), session.to_owned());
        sessions.entry(key).or_insert_with(|| self.sign_in(user, &self.client)).clone()
    }

    /// Signs a user in with an app client.
    pub(crate) fn sign_in(&self, user: &str, client: &str) -> Tokens {
        let given = json!({"USERNAME": user, "PASSWORD": PASSWORD});
        let body = json!({"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": client, "AuthParameters": given});
        let answer = self.aws.json("cognito-idp", &cognito("InitiateAuth"), &body);
        let token = |name: &str| answer["AuthenticationResult"][name].as_str().unwrap().to_owned();
        Tokens { access: token("AccessToken"), id: token("IdToken") }
    }

    /// Another app client of the same user pool.
    pub(crate) fn other_client(&self) -> String {
        app_client(&self.aws, &self.pool)
    }

    /// The id that a user's tokens have.
    fn id(&self, user: &str) -> String {
        let _ = self.tokens(user, user);
        let body = json!({"UserPoolId": self.pool, "Username": user});
        let found = self.aws.json("cognito-idp", &cognito("AdminGetUser"), &body);
        let attributes = found["UserAttributes"].as_array().unwrap();
        attributes.iter().find(|each| each["Name"] == "sub").unwrap()["Value"].as_str().unwrap().to_owned()
    }

    /// A call to a path of the API with this header `authorization`, or without one.
    #[track_caller]
    pub(crate) fn with_header(&self, method: &str, path: &str, authorization: &str, body: &Value) -> Reply {
        let headers = [("authorization", authorization)];
        self.through_gateway(method, path, if authorization.is_empty() { &[] } else { &headers }, None, body)
    }

    /// A call to a path of the API, signed with this key.
    #[track_caller]
    pub(crate) fn signed(&self, method: &str, path: &str, key: &AccessKey, body: &Value) -> Reply {
        self.through_gateway(method, path, &[], Some(key), body)
    }

    #[track_caller]
    fn through_gateway(
        &self,
        method: &str,
        path: &str,
        further: &[(&str, &str)],
        key: Option<&AccessKey>,
        body: &Value,
    ) -> Reply {
        let url = self.output("Url");
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(further);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let call = Call { method, host: url.strip_prefix("http://").unwrap(), path, headers: &headers, body: &body };
        self.aws.send(&call, key.map(|key| ("execute-api", key)))
    }

    /// The number of references of faces in the table.
    pub(crate) fn references(&self) -> usize {
        let table = json!({"TableName": self.output("TableName")});
        let all = self.aws.json("dynamodb", "DynamoDB_20120810.Scan", &table);
        let is_reference = |item: &&Value| item["pk"]["S"].as_str().unwrap().starts_with("f#");
        let references = all["Items"].as_array().unwrap().iter().filter(is_reference);
        references.filter(|item| item.pointer("/item/M/photo").is_some()).count()
    }

    /// The back end's key.
    pub(crate) fn back_end(&self) -> &AccessKey {
        &self.back_end
    }
}

impl Deployed for Cloud {
    fn call(&self, caller: Caller<'_>, route: &str, parameters: &[(&str, &str)], body: &Value) -> Reply {
        let (method, path) = route.split_once(' ').unwrap();
        let mut path = path.to_owned();
        let mut query = Vec::new();
        for (name, value) in parameters {
            let place = format!("{{{name}}}");
            if path.contains(&place) {
                path = path.replace(&place, &encoded(value));
            } else {
                query.push(format!("{name}={}", encoded(value)));
            }
        }
        if let Caller::BackEnd(user) = caller {
            path = path.replace("{userId}", &encoded(&self.id(user)));
        }
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        match caller {
            Caller::User(user) => self.with_header(method, &path, &self.tokens(user, user).access, body),
            Caller::Elsewhere(user) => self.with_header(method, &path, &self.tokens(user, "elsewhere").access, body),
            Caller::BackEnd(_) => self.signed(method, &path, &self.back_end, body),
            Caller::Session(token) => {
                let token = format!("Bearer {token}");
                let headers = [("authorization", token.as_str()), ("countersign-browser", BROWSER)];
                self.through_gateway(method, &path, &headers, None, body)
            }
            Caller::Anyone => self.with_header(method, &path, "", body),
        }
    }

    fn message_to(&self, to: &str) -> Option<String> {
        let text = |found: &Value, name: &str| found[name].as_str().unwrap().to_owned();
        if to.starts_with('+') {
            let all = self.aws.shown("/_ministack/sns/sms-messages");
            return Some(text(all["sms_messages"][to].as_array()?.last()?, "Message"));
        }
        let all = self.aws.shown("/_ministack/ses/messages");
        let mut all = all["messages"].as_object()?.values().flat_map(|of_account| of_account.as_array().unwrap());
        all.rfind(|email| email["To"] == json!([to])).map(|email| text(email, "BodyText"))
    }
}

/// An app client that takes passwords.
fn app_client(aws: &Aws, pool: &str) -> String {
    let body = json!({"UserPoolId": pool, "ClientName": "app", "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]});
    let made = aws.json("cognito-idp", &cognito("CreateUserPoolClient"), &body);
    made["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned()
}

fn cognito(operation: &str) -> String {
    format!("AWSCognitoIdentityProviderService.{operation}")
}

/// A folder as `sam build` makes it. With `FUNCTIONS_DIR` the template and the binaries are of `sam build`; else the
/// binaries are those of this profile, each behind a script, since they are too big to be sent about.
fn built(folder: &Path, rekognition: &Proxy) -> PathBuf {
    let source = built_by_sam().unwrap_or_else(root).join("template.yaml");
    let mut template = fs::read_to_string(&source).unwrap();
    for function in Function::ALL.map(Function::name) {
        let camel: String = function.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
        let place = folder.join(format!("{camel}Function"));
        if let Some(built) = built_by_sam() {
            symlink(fs::canonicalize(built.join(format!("{camel}Function"))).unwrap(), place).unwrap();
            continue;
        }
        let role = format!("      Role: !GetAtt {camel}Role.Arn\n");
        assert_eq!(template.matches(&role).count(), 1, "{role}");
        template = template.replace(&role, &format!("      CodeUri: {camel}Function\n{role}"));
        fs::create_dir(&place).unwrap();
        let bootstrap = place.join("bootstrap");
        fs::write(&bootstrap, format!("#!/bin/sh\nexec '{}'\n", binary(function).display())).unwrap();
        fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755)).unwrap();
    }
    // More variables, as the template's head says: the walk asks for messages faster than a person.
    let (before, after) = template.split_once("PRODUCT_NAME:").unwrap();
    let indented = &before[before.rfind('\n').unwrap()..];
    let url = rekognition.url();
    let more = format!("RESEND_SECONDS: '1'{indented}AWS_ENDPOINT_URL_REKOGNITION: {url}");
    let template = format!("{before}{more}{indented}PRODUCT_NAME:{after}");
    let built = folder.join("template.yaml");
    fs::write(&built, template).unwrap();
    built
}
