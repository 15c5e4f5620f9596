//! `cargo lambda watch` serves the real paths: its router in `Cargo.toml` equals the route table.

use std::collections::BTreeMap;

use countersign::http::routes::routes;

const HEAD: &str = "[workspace.metadata.lambda.watch.router]\n";

#[test]
fn the_router_of_cargo_lambda_watch_is_the_route_table() {
    let mut paths: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for route in routes() {
        let entry = format!(r#"{{ method = "{}", function = "{}" }}"#, route.method.as_str(), route.function.name());
        paths.entry(route.path).or_default().push(entry);
    }
    let lines = paths.iter().map(|(path, entries)| format!("\"{path}\" = [{}]\n", entries.join(", ")));
    let expected: String = lines.collect();

    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")).unwrap();
    let (_, router) = manifest.split_once(HEAD).unwrap_or_else(|| panic!("it should be:\n{HEAD}{expected}"));
    let router = router.split("\n[").next().unwrap();
    assert_eq!(router.trim_end(), expected.trim_end(), "it should be:\n{HEAD}{expected}");
}
