//! The routes that `cargo lambda watch` serves, in the workspace's `Cargo.toml`.

use std::collections::BTreeMap;

use super::{Row, region};

pub(super) fn synced(text: &str, rows: &[Row]) -> String {
    let mut paths: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for row in rows {
        let entry = format!(r#"{{ method = "{}", function = "{}" }}"#, row.method.as_str(), row.function.name());
        paths.entry(row.path).or_default().push(entry);
    }
    let lines = paths.iter().map(|(path, entries)| format!("\"{path}\" = [{}]\n", entries.join(", ")));
    region::with(text, "routes", &lines.collect::<String>())
}
