//! The tables of the documents: routes and settings.

use countersign::config::Setting;
use countersign::http::routes::{Access, Function};

use super::{Row, columns, region};

/// A table in Markdown.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[Vec<String>]) -> String {
    lines(&head.map(str::to_owned), rows)
}

fn lines(head: &[String], rows: &[Vec<String>]) -> String {
    let cell = |cell: &String| if cell.is_empty() { " |".to_owned() } else { format!(" {cell} |") };
    let line = |cells: &[String]| format!("|{}\n", cells.iter().map(cell).collect::<String>());
    let rows: String = rows.iter().map(|row| line(row)).collect();
    format!("{}|{}\n{rows}", line(head), "---|".repeat(head.len()))
}

/// The name of a dialect in the documents.
fn title(dialect: &str) -> &str {
    match dialect {
        "genauth" => "GenAuth",
        "logto" => "Logto",
        "well-known" => "anyone",
        other => other,
    }
}

/// The table of routes: a row for each function, a column for each dialect and kind of caller.
pub(super) fn with_routes(text: &str, rows: &[Row]) -> String {
    let columns = columns(rows);
    let mut head = vec!["function".to_owned()];
    head.extend(columns.iter().map(|(dialect, access)| match access {
        Access::User | Access::Public => title(dialect).to_owned(),
        Access::BackEnd => format!("{}, by the back end", title(dialect)),
        Access::Hosted => format!("{}, in a session", title(dialect)),
    }));
    let keys = |function: Function, column: (&str, Access)| {
        let in_cell = rows.iter().filter(|row| row.function == function && (row.dialect, row.access) == column);
        in_cell.map(|row| format!("`{}`", row.key())).collect::<Vec<_>>().join(" ")
    };
    let row = |function: Function| {
        let cells = columns.iter().map(|column| keys(function, *column));
        std::iter::once(format!("`{}`", function.name())).chain(cells).collect()
    };
    region::with(text, "routes", &lines(&head, &Function::ALL.map(row)))
}

/// Both tables of settings.
pub(super) fn with_settings(text: &str, settings: &[Setting], deployment: &[Setting]) -> String {
    let quoted = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
    let row = |setting: &Setting| {
        let range = setting.range.map_or(String::new(), |(least, most)| format!("{least} to {most}"));
        vec![quoted(setting.name), quoted(setting.default), range, setting.meaning.to_owned()]
    };
    let table = |settings: &[Setting]| {
        table(["setting", "default", "range", "meaning"], &settings.iter().map(row).collect::<Vec<_>>())
    };
    let text = region::with(text, "settings", &table(settings));
    region::with(&text, "deployment-settings", &table(deployment))
}
