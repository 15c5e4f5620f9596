//! The events in `events/`, one for each route. An event that is there keeps what does not follow from its route: its
//! body, its query, the values of its path parameters, its caller and its time. A new one is made from an event of the
//! same dialect.

use countersign::http::routes::{Access, Method};
use serde_json::{Map, Value, json};

use super::{Files, Row};

/// The name of a route's event: the dialect (or `users` for the back end), the method, and the path after its prefix.
pub fn name_of(row: &Row) -> String {
    let prefix = match (row.dialect, row.access) {
        ("native", Access::User) => "/v1/me",
        ("native", Access::BackEnd) => "/v1/users/{userId}",
        ("native", Access::Hosted) => "/v1/session",
        ("genauth", _) => "/api/v3",
        ("logto", _) => "/api/experience",
        ("profile", _) => "/profile",
        ("well-known", _) => "/.well-known",
        _ => "",
    };
    let kind = match (row.dialect, row.access) {
        (dialect, Access::User | Access::Public) => dialect.to_owned(),
        ("native", Access::BackEnd) => "users".to_owned(),
        (dialect, Access::BackEnd) => format!("{dialect}-users"),
        ("native", Access::Hosted) => "session".to_owned(),
        (dialect, Access::Hosted) => format!("{dialect}-session"),
    };
    let path = row.path.strip_prefix(prefix).unwrap_or(row.path).trim_end_matches(".json");
    format!("{kind}-{}{}", row.method.as_str().to_lowercase(), path.replace('/', "-").replace(['{', '}'], ""))
}

pub(super) fn synced(files: &Files, rows: &[Row]) -> Files {
    let mut synced = Files::new();
    for row in rows {
        let name = file_of(row);
        let event = Event::kept(files, row).unwrap_or_else(|| Event::new(files, rows, row)).of(row).to_text();
        assert_eq!(synced.insert(name.clone(), event), None, "two routes have the event {name}");
    }
    synced
}

fn file_of(row: &Row) -> String {
    format!("events/{}.json", name_of(row))
}

/// The fields of an event, in the order of API Gateway's documentation.
const FIELDS: [&str; 10] = [
    "version",
    "routeKey",
    "rawPath",
    "rawQueryString",
    "headers",
    "queryStringParameters",
    "requestContext",
    "pathParameters",
    "body",
    "isBase64Encoded",
];

struct Event(Map<String, Value>);

impl Event {
    /// The event of a route, if there is one and its caller is of the right kind.
    fn kept(files: &Files, row: &Row) -> Option<Self> {
        let name = file_of(row);
        let event: Map<_, _> =
            serde_json::from_str(files.get(&name)?).unwrap_or_else(|error| panic!("{name}: {error}"));
        let unknown: Vec<_> = event.keys().filter(|field| !FIELDS.contains(&field.as_str())).collect();
        assert!(unknown.is_empty(), "{name} has fields that the generator does not know: {unknown:?}");
        let authorizer = event["requestContext"].get("authorizer");
        let is_of_caller = match row.access {
            Access::User => authorizer.is_some_and(|authorizer| authorizer.get("jwt").is_some()),
            Access::BackEnd => authorizer.is_some_and(|authorizer| authorizer.get("iam").is_some()),
            Access::Public | Access::Hosted => authorizer.is_none(),
        };
        is_of_caller.then_some(Self(event))
    }

    /// A new event with the route's body, from one of the same kind of caller: of the same dialect, else a native one.
    fn new(files: &Files, rows: &[Row], row: &Row) -> Self {
        let mut alike: Vec<_> = rows.iter().collect();
        alike.sort_by_key(|each| (each.access != row.access, each.dialect != row.dialect, each.dialect != "native"));
        let Self(mut event) = alike
            .into_iter()
            .filter(|each| each.access == row.access || [Access::Public, Access::Hosted].contains(&row.access))
            .find_map(|each| Self::kept(files, each))
            .unwrap_or_else(|| panic!("{} has no event that its own could be made from", row.key()));
        if [Access::Public, Access::Hosted].contains(&row.access) {
            event["requestContext"].as_object_mut().unwrap().remove("authorizer");
            event["headers"].as_object_mut().unwrap().remove("authorization");
        }
        event.insert("rawQueryString".to_owned(), json!(""));
        for field in ["queryStringParameters", "pathParameters", "body"] {
            event.remove(field);
        }
        if let Some(body) = &row.body {
            event.insert("body".to_owned(), body.to_string().into());
        }
        Self(event)
    }

    /// The event with all that follows from its route and its body.
    fn of(self, row: &Row) -> Self {
        let Self(mut event) = self;
        let mut parameters = Map::new();
        let mut path = row.path.to_owned();
        for name in row.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            let kept = event.get("pathParameters").and_then(|parameters| parameters[name].as_str());
            let value = kept.unwrap_or(match name {
                "id" => "x3vy3ilfr3wgp6et",
                "userId" => "auth0|65f2a1c97b3d",
                _ => "example",
            });
            path = path.replace(&format!("{{{name}}}"), value);
            parameters.insert(name.to_owned(), value.into());
        }
        if parameters.is_empty() {
            event.remove("pathParameters");
        } else {
            event.insert("pathParameters".to_owned(), parameters.into());
        }

        let length = event.get("body").and_then(Value::as_str).map(str::len);
        let headers = event["headers"].as_object_mut().unwrap();
        headers.remove("content-length");
        headers.remove("content-type");
        if length.is_some() {
            headers.insert("content-type".to_owned(), "application/json".into());
        }
        if length.is_some() || row.method != Method::Get {
            headers.insert("content-length".to_owned(), length.unwrap_or(0).to_string().into());
        }

        event.insert("routeKey".to_owned(), row.key().into());
        event.insert("rawPath".to_owned(), path.clone().into());
        event["requestContext"]["routeKey"] = row.key().into();
        event["requestContext"]["http"]["method"] = row.method.as_str().into();
        event["requestContext"]["http"]["path"] = path.into();
        Self(event)
    }

    /// JSON with an indentation of two spaces. Below the top, fields are in the order of the alphabet.
    fn to_text(&self) -> String {
        let fields = FIELDS.into_iter().filter_map(|field| Some((field, self.0.get(field)?)));
        let fields = fields.map(|(field, value)| {
            let value = serde_json::to_string_pretty(value).unwrap().replace('\n', "\n  ");
            format!("  \"{field}\": {value}")
        });
        format!("{{\n{}\n}}\n", fields.collect::<Vec<_>>().join(",\n"))
    }
}
