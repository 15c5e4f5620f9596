//! The generated regions of `template.yaml`: the routes of the API and what names them, and each function's integration
//! and permission. The function itself, its log group and its role are written by hand: what a role may do follows from
//! no table.

use std::collections::BTreeMap;

use countersign::http::routes::{Access, Function};

use super::{Row, columns, events, region};

pub(super) fn synced(text: &str, rows: &[Row]) -> String {
    let ids = Ids::of(text, rows);
    let text = region::with(text, "integrations", &integrations());
    let text = region::with(&text, "methods", &methods(rows));
    let text = region::with(&text, "sending", &depends_on(&ids, rows));
    let text = region::with(&text, "rates", &route_settings(rows));
    region::with(&text, "routes", &resources(&ids, rows))
}

/// The logical id of each route key. A route that the template has keeps its id: under another one CloudFormation
/// would make the route anew before it deletes the old one, and API Gateway refuses a second route of the same key. A
/// new route's id is the name of its event in one word: `native-post-enrollments` gives `NativePostEnrollmentsRoute`.
struct Ids(BTreeMap<String, String>);

impl Ids {
    fn of(text: &str, rows: &[Row]) -> Self {
        let (mut ids, mut by_key) = (Vec::new(), BTreeMap::new());
        for line in text.lines() {
            let id = line.strip_prefix("  ").and_then(|line| line.strip_suffix(':'));
            if let Some(id) = id.filter(|id| !id.starts_with([' ', '#'])) {
                ids.push(id.to_owned());
            } else if let Some(key) = line.strip_prefix("      RouteKey: ") {
                by_key.insert(key.to_owned(), ids.last().unwrap().clone());
            }
        }
        for row in rows {
            by_key.entry(row.key()).or_insert_with(|| {
                let id = capitals(&events::name_of(row)) + "Route";
                assert!(!ids.contains(&id), "{}: the template already has a {id}", row.key());
                ids.push(id.clone());
                id
            });
        }
        Self(by_key)
    }

    fn id(&self, row: &Row) -> &str {
        &self.0[&row.key()]
    }
}

/// `enroll-request` gives `EnrollRequest`.
fn capitals(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

fn integrations() -> String {
    let of_function = |function: Function| {
        let name = capitals(function.name());
        format!(
            "
  {name}Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: AWS_PROXY
      IntegrationUri: !GetAtt {name}Function.Arn
      PayloadFormatVersion: '2.0'

  {name}Permission:
    Type: AWS::Lambda::Permission
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: !Ref {name}Function
      Principal: apigateway.amazonaws.com
      SourceArn: !Sub arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{Api}}/*
"
        )
    };
    Function::ALL.map(of_function).concat()
}

/// The methods that CORS allows.
fn methods(rows: &[Row]) -> String {
    let methods: BTreeMap<_, _> = rows.iter().map(|row| (row.method as u8, row.method.as_str())).collect();
    format!("          AllowMethods: [{}]\n", methods.into_values().collect::<Vec<_>>().join(", "))
}

/// The routes with a rate of their own: those that send, and those of anyone.
fn limited(rows: &[Row]) -> impl Iterator<Item = &Row> {
    ordered(rows).into_iter().filter(|row| row.sends() || [Access::Public, Access::Hosted].contains(&row.access))
}

/// Requests a second to a route of anyone. Gateways ask for the keys a few times an hour; a lower rate would let a flood
/// keep them out.
const RATE_OF_ANYONE: u32 = 100;

fn depends_on(ids: &Ids, rows: &[Row]) -> String {
    let (of_users, others): (Vec<_>, Vec<_>) = limited(rows).partition(|row| row.access == Access::User);
    let others: String = others.into_iter().map(|row| format!("      - {}\n", ids.id(row))).collect();
    let of_users: String = of_users.into_iter().map(|row| format!("          - !Ref {}\n", ids.id(row))).collect();
    // `DependsOn` takes no condition. A reference under `Metadata` has the same effect, and takes one.
    format!(
        "    DependsOn:\n{others}    Metadata:\n      DependsOn: !If\n        - HasIssuer\n        -\n{of_users}        - \
         !Ref AWS::NoValue\n"
    )
}

fn route_settings(rows: &[Row]) -> String {
    let at_rate = |rate: u32, indent: &str| {
        let setting = |row: &Row| {
            let rate = if row.sends() { rate } else { RATE_OF_ANYONE };
            let limits = format!("{{ThrottlingRateLimit: {rate}, ThrottlingBurstLimit: {rate}}}");
            let limits = match row.access {
                Access::User => format!("!If [HasIssuer, {limits}, !Ref AWS::NoValue]"),
                Access::BackEnd | Access::Hosted | Access::Public => limits,
            };
            format!("{}: {limits}\n", row.key())
        };
        limited(rows).map(setting).collect::<Vec<_>>().join(indent)
    };
    let (slow, fast, usual) = (at_rate(1, "          "), at_rate(100, "            "), at_rate(10, "            "));
    format!(
        "      RouteSettings: !If
        - SendsSlowly
        - {slow}        - !If
          - SendsFast
          - {fast}          - {usual}"
    )
}

/// The routes in the order of the documents' columns: those of users by dialect, then those of the back end.
fn ordered(rows: &[Row]) -> Vec<&Row> {
    sections(rows).into_iter().flat_map(|(_, rows)| rows).collect()
}

/// The routes of each dialect and kind of caller, under their heading.
fn sections(rows: &[Row]) -> Vec<(String, Vec<&Row>)> {
    let columns = columns(rows);
    let of_users = columns.iter().filter(|(_, access)| *access == Access::User);
    let of_back_end = columns.iter().filter(|(_, access)| *access == Access::BackEnd);
    let of_sessions = columns.iter().filter(|(_, access)| *access == Access::Hosted);
    let of_anyone = columns.iter().filter(|(_, access)| *access == Access::Public);
    let section = |column: &(&str, Access)| {
        let (dialect, access) = column;
        let heading = match access {
            Access::User => format!("A user's routes, with an access token: the dialect {dialect}"),
            Access::BackEnd => format!("The back end's routes, signed with AWS credentials: the dialect {dialect}"),
            Access::Hosted => {
                format!("Routes of hosted sessions, whose token the function checks: the dialect {dialect}")
            }
            Access::Public => format!("Routes of anyone, without an identity: the dialect {dialect}"),
        };
        (heading, rows.iter().filter(|row| (row.dialect, row.access) == *column).collect())
    };
    of_users.chain(of_back_end).chain(of_sessions).chain(of_anyone).map(section).collect()
}

fn resources(ids: &Ids, rows: &[Row]) -> String {
    let sections = sections(rows);
    let section = |(heading, rows): &(String, Vec<&Row>)| {
        let resources: String = rows.iter().map(|row| resource(ids.id(row), row)).collect();
        format!("\n  # {heading}\n{resources}")
    };
    sections.iter().map(section).collect()
}

fn resource(id: &str, row: &Row) -> String {
    let authorization = match row.access {
        Access::User => {
            "JWT
      AuthorizerId: !Ref Authorizer
      AuthorizationScopes: !If [HasScopes, !Ref Scopes, !Ref AWS::NoValue]"
        }
        Access::BackEnd => "AWS_IAM",
        Access::Public | Access::Hosted => "NONE",
    };
    // Without an issuer nobody has an access token.
    let condition = if row.access == Access::User { "\n    Condition: HasIssuer" } else { "" };
    format!(
        "
  {id}:
    Type: AWS::ApiGatewayV2::Route{condition}
    Properties:
      ApiId: !Ref Api
      RouteKey: {}
      Target: !Sub integrations/${{{}Integration}}
      AuthorizationType: {authorization}
",
        row.key(),
        capitals(row.function.name())
    )
}
