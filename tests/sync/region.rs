//! A generated region of a file: the lines between two marker comments. The markers stay as they are.

/// The text with other lines in the region of this name. The region begins after the line `# name: …`, or
/// `<!-- name: … -->`, and ends before the line `# /name`, or `<!-- /name -->`.
pub(super) fn with(text: &str, name: &str, lines: &str) -> String {
    let (start, end) = bounds(text, name);
    format!("{}{lines}{}", &text[..start], &text[end..])
}

/// The lines of a region.
pub(super) fn of<'a>(text: &'a str, name: &str) -> &'a str {
    let (start, end) = bounds(text, name);
    &text[start..end]
}

fn bounds(text: &str, name: &str) -> (usize, usize) {
    let (mut start, mut end, mut position) = (None, None, 0);
    for line in text.split_inclusive('\n') {
        let next = position + line.len();
        match comment(line) {
            Some(comment) if begins(comment, name) => {
                assert_eq!(start.replace(next), None, "the region {name} begins twice");
            }
            Some(comment) if comment.strip_prefix('/') == Some(name) => {
                assert_eq!(end.replace(position), None, "the region {name} ends twice");
            }
            _ => {}
        }
        position = next;
    }
    let bounds = start.zip(end).filter(|(start, end)| start <= end);
    bounds.unwrap_or_else(|| panic!("no lines `# {name}: written by SYNC=1, see CONTRIBUTING.md` and `# /{name}`"))
}

/// The text of a line that is only a comment.
fn comment(line: &str) -> Option<&str> {
    let line = line.trim();
    let html = line.strip_prefix("<!-- ").and_then(|line| line.strip_suffix(" -->"));
    html.or_else(|| line.strip_prefix("# "))
}

fn begins(comment: &str, name: &str) -> bool {
    comment.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(": written by SYNC=1"))
}
