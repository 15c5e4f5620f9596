//! The HTTP API: its routes are those of the route table, and each has an authorizer.

use std::collections::{BTreeMap, BTreeSet};

use countersign::domain::actor::Access;
use countersign::http::routes::{Function, Route, routes};
use serde_json::{Value, json};

use super::{FEW, Template, meant, reference, set};

/// Every route of the table, by its route key.
fn table() -> BTreeMap<String, Route> {
    routes().into_iter().map(|route| (format!("{} {}", route.method.as_str(), route.path), route)).collect()
}

/// The keys of the routes that may send a message.
fn sending() -> BTreeSet<String> {
    let sends = |function| matches!(function, Function::EnrollRequest | Function::Challenge);
    table().into_iter().filter(|(_, route)| sends(route.function)).map(|(key, _)| key).collect()
}

/// The keys of the routes with a rate of their own: those that send, and those without an authorizer.
fn limited() -> BTreeSet<String> {
    let public = table()
        .into_iter()
        .filter(|(_, route)| [Access::Public, Access::Hosted].contains(&route.access))
        .map(|(key, _)| key);
    sending().into_iter().chain(public).collect()
}

/// Every route of the template with its properties, by route key.
fn deployed(template: &Template) -> BTreeMap<&str, &Value> {
    let routes = template.all("AWS::ApiGatewayV2::Route");
    let by_key: BTreeMap<_, _> = routes
        .values()
        .map(|route| (route["Properties"]["RouteKey"].as_str().unwrap(), &route["Properties"]))
        .collect();
    assert_eq!(by_key.len(), routes.len(), "a route is there twice");
    by_key
}

#[test]
fn the_routes_and_their_functions_are_the_route_table() {
    let Some(template) = Template::few() else { return };
    let binaries: BTreeMap<_, _> = template.functions().into_iter().map(|(binary, name)| (name, binary)).collect();
    let mut found = BTreeSet::new();
    for (key, route) in deployed(&template) {
        let target = route["Target"]["Fn::Sub"].as_str().unwrap();
        let integration = target.strip_prefix("integrations/${").and_then(|rest| rest.strip_suffix('}')).unwrap();
        let integration = template.properties(integration);
        assert_eq!(integration["IntegrationType"], "AWS_PROXY", "{key}");
        assert_eq!(integration["PayloadFormatVersion"], "2.0", "{key}");
        found.insert((key.to_owned(), binaries[meant(&integration["IntegrationUri"])].to_owned()));
    }
    let expected = table().into_iter().map(|(key, route)| (key, route.function.name().to_owned())).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_function_of_the_code_is_deployed_and_may_be_called_by_this_api_alone() {
    let Some(template) = Template::few() else { return };
    let functions = template.functions();
    assert_eq!(functions.keys().copied().collect::<BTreeSet<_>>(), Function::ALL.map(Function::name).into());
    let permissions = template.all("AWS::Lambda::Permission");
    let called: Vec<_> = permissions.values().map(|each| meant(&each["Properties"]["FunctionName"])).collect();
    assert_eq!(called.iter().copied().collect::<BTreeSet<_>>(), functions.values().copied().collect());
    assert_eq!(called.len(), functions.len());
    for (name, permission) in permissions {
        let permission = &permission["Properties"];
        assert_eq!(permission["Principal"], "apigateway.amazonaws.com", "{name}");
        let arn = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*";
        assert_eq!(permission["SourceArn"]["Fn::Sub"], arn, "{name}");
    }
    assert!(!template.section("Resources").values().any(|each| each["Type"] == "AWS::Lambda::Url"));
}

#[test]
fn each_route_has_the_authorizer_of_its_callers_and_only_public_keys_and_sessions_have_none() {
    for scopes in [false, true] {
        let table = table();
        let Some(template) = (if scopes { Template::many() } else { Template::few() }) else { return };
        for (key, route) in deployed(&template) {
            let mut expected = json!({
                "ApiId": reference("Api"), "RouteKey": key, "Target": route["Target"], "AuthorizationType": "AWS_IAM",
            });
            if table[key].access == Access::User {
                expected["AuthorizationType"] = json!("JWT");
                expected["AuthorizerId"] = reference("Authorizer");
                // Linters don't check this name, and with a misspelt one API Gateway would accept every scope.
                if scopes {
                    expected["AuthorizationScopes"] = reference("Scopes");
                }
            }
            if table[key].access == Access::Public {
                assert!(key.starts_with("GET /.well-known/") || key == "GET /page", "{key}");
                expected["AuthorizationType"] = json!("NONE");
            }
            // The function checks a session's token itself.
            if table[key].access == Access::Hosted {
                assert!(key.contains(" /v1/session"), "{key}");
                expected["AuthorizationType"] = json!("NONE");
            }
            assert_eq!(route, &expected);
        }
    }
}

#[test]
fn without_an_issuer_there_are_the_back_ends_routes_and_sessions_only() {
    let Some(template) = Template::with(&[]) else { return };
    let expected: BTreeSet<_> =
        table().into_iter().filter(|(_, route)| route.access != Access::User).map(|(key, _)| key).collect();
    let found: BTreeSet<_> = deployed(&template).into_keys().map(str::to_owned).collect();
    assert_eq!(found, expected);
    assert!(!template.section("Resources").values().any(|each| each["Type"] == "AWS::ApiGatewayV2::Authorizer"));
    let settings = template.properties("Stage")["RouteSettings"].as_object().unwrap();
    let settings: BTreeSet<_> = settings.keys().cloned().collect();
    // API Gateway refuses settings of a route that does not exist.
    assert_eq!(settings, limited().intersection(&expected).cloned().collect());
}

#[test]
fn the_jwt_authorizer_uses_the_issuer_and_audience_parameters() {
    let Some(template) = Template::few() else { return };
    let authorizers = template.all("AWS::ApiGatewayV2::Authorizer");
    assert_eq!(authorizers.keys().copied().collect::<Vec<_>>(), ["Authorizer"]);
    let authorizer = template.properties("Authorizer");
    assert_eq!(authorizer["AuthorizerType"], "JWT");
    assert_eq!(authorizer["IdentitySource"], json!(["$request.header.Authorization"]));
    assert_eq!(
        authorizer["JwtConfiguration"],
        json!({"Issuer": reference("Issuer"), "Audience": reference("Audience")})
    );
}

#[test]
fn the_routes_that_send_and_those_of_anyone_have_a_rate_and_no_others() {
    // Numbers and not text: the values below `RouteSettings` are taken as they are.
    for (rate, parameter) in
        [(10, None), (1, Some("SendRate=1")), (10, Some("SendRate=10")), (100, Some("SendRate=100"))]
    {
        let parameters: Vec<_> = FEW.iter().copied().chain(parameter).collect();
        let Some(template) = Template::with(&parameters) else { return };
        let settings = template.properties("Stage")["RouteSettings"].as_object().unwrap();
        assert_eq!(settings.keys().cloned().collect::<BTreeSet<_>>(), limited());
        for (key, settings) in settings {
            // Anyone may call a public route, so it must not use up the functions of the account.
            let rate = if sending().contains(key) { rate } else { 100 };
            let expected = json!({"ThrottlingRateLimit": rate, "ThrottlingBurstLimit": rate});
            assert_eq!(*settings, expected, "{parameter:?}: {key}");
        }
    }
}

#[test]
fn the_stage_waits_for_the_routes_that_it_has_settings_of() {
    let Some(template) = Template::few() else { return };
    let stage = &template.0["Resources"]["Stage"];
    // The routes of users are not always there, and `DependsOn` takes no condition.
    let of_users = stage["Metadata"]["DependsOn"].as_array().unwrap().iter().map(meant);
    let others = stage["DependsOn"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    let key = |name| template.properties(name)["RouteKey"].as_str().unwrap().to_owned();
    let awaited: BTreeSet<_> = of_users.chain(others).map(key).collect();
    assert_eq!(awaited, limited());
}

#[test]
fn the_only_stage_is_the_default_one_and_deploys_automatically() {
    let Some(template) = Template::few() else { return };
    assert_eq!(template.all("AWS::ApiGatewayV2::Stage").len(), 1);
    assert_eq!(template.properties("Stage")["StageName"], "$default");
    assert_eq!(template.properties("Stage")["AutoDeploy"], true);
}

#[test]
fn the_access_log_has_no_personal_data() {
    let Some(template) = Template::few() else { return };
    let format = template.properties("Stage")["AccessLogSettings"]["Format"].as_str().unwrap();
    let line: BTreeMap<String, String> = serde_json::from_str(format).unwrap();
    let logged: BTreeSet<_> = line.values().map(String::as_str).collect();
    assert_eq!(
        logged,
        set([
            "$context.requestId",
            "$context.routeKey",
            "$context.status",
            "$context.responseLength",
            "$context.responseLatency",
            "$context.integration.latency",
            "$context.integrationErrorMessage",
            "$context.error.message",
        ])
    );
}

#[test]
fn cors_is_configured_only_if_allowed_origins_are_given() {
    let (Some(few), Some(many)) = (Template::few(), Template::many()) else { return };
    assert_eq!(few.properties("Api").get("CorsConfiguration"), None);
    let cors = &many.properties("Api")["CorsConfiguration"];
    assert_eq!(cors["AllowOrigins"], reference("AllowedOrigins"));
    let methods: BTreeSet<_> = routes().iter().map(|route| route.method.as_str()).collect();
    assert_eq!(
        cors["AllowMethods"].as_array().unwrap().iter().filter_map(Value::as_str).collect::<BTreeSet<_>>(),
        methods
    );
    for header in ["authorization", "content-type", "x-authing-app-id", "x-authing-lang"] {
        assert!(cors["AllowHeaders"].as_array().unwrap().contains(&json!(header)), "{header}");
    }
    for header in ["retry-after", countersign::http::RECEIPT.as_str()] {
        assert!(cors["ExposeHeaders"].as_array().unwrap().contains(&json!(header)), "{header}");
    }
}

#[test]
fn the_back_ends_policy_lets_it_call_its_own_routes_alone() {
    let Some(template) = Template::few() else { return };
    let policy = template.all("AWS::IAM::ManagedPolicy");
    assert_eq!(policy.len(), 1);
    let arn = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/$default/*/v1/users/*";
    assert_eq!(
        template.properties("BackEndPolicy")["PolicyDocument"]["Statement"],
        json!([{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": {"Fn::Sub": arn}}])
    );
    for (key, route) in table() {
        assert_eq!(route.access == Access::BackEnd, route.path.starts_with("/v1/users/"), "{key}");
    }
    let outputs = template.section("Outputs");
    assert_eq!(outputs["BackEndPolicyArn"]["Value"], reference("BackEndPolicy"));
    assert_eq!(outputs["Url"]["Value"], json!({"Fn::GetAtt": ["Api", "ApiEndpoint"]}));
}
