//! Assembles the page of hosted sessions from `src/http/page/` into one document, and compresses it: an HTTP API
//! compresses nothing. The document stays readable: comments and indentation are left out, and nothing is renamed.

#[cfg(feature = "http")]
mod page {
    use std::collections::{BTreeMap, BTreeSet};
    use std::error::Error;
    use std::fs;
    use std::io::Write;
    use std::iter;
    use std::path::Path;

    use brotli::enc::BrotliEncoderParams;
    use flate2::{Compression, GzBuilder};

    const FOLDER: &str = "src/http/page";

    /// The modules of the script, each after those whose values it uses while it is loaded.
    const SCRIPT: [&str; 12] = [
        "dom",
        "texts",
        "session",
        "factors",
        "screen",
        "passkeys",
        "views/flow",
        "views/check",
        "views/enroll",
        "views/contact",
        "views/manage",
        "main",
    ];

    /// The languages, English first: it has every key.
    const LANGUAGES: [&str; 3] = ["en", "de", "zh-Hans"];

    type Texts = BTreeMap<String, String>;

    /// Writes `page.html`, `page.html.gz` and `page.html.br` to a folder.
    pub(crate) fn build(out: &Path) -> Result<(), Box<dyn Error>> {
        let document = document()?;
        let bytes = document.as_bytes();
        let mut gzip = GzBuilder::new().write(Vec::new(), Compression::best());
        gzip.write_all(bytes)?;
        let mut brotli = Vec::new();
        let parameters = BrotliEncoderParams { quality: 11, lgwin: 22, size_hint: bytes.len(), ..Default::default() };
        brotli::BrotliCompress(&mut &*bytes, &mut brotli, &parameters)?;
        fs::write(out.join("page.html"), bytes)?;
        fs::write(out.join("page.html.gz"), gzip.finish()?)?;
        fs::write(out.join("page.html.br"), brotli)?;
        Ok(())
    }

    fn document() -> Result<String, Box<dyn Error>> {
        let style = style(&read("page.css")?);
        let modules = SCRIPT.iter().map(|name| Ok(module(&read(&format!("script/{name}.js"))?)));
        let script = modules.collect::<Result<Vec<_>, Box<dyn Error>>>()?.join("\n");
        let texts = texts()?;
        for part in [&style, &script, &texts] {
            if part.contains("</") || part.contains("<!--") {
                return Err("a part of the page has `</` or `<!--`, which could end its element".into());
            }
        }
        let html = without_comments(&read("page.html")?);
        let html = html.replace("<!-- style -->", &format!("<style>{style}</style>"));
        let html = html.replace("<!-- texts -->", &format!(r#"<script type="text/plain" id="texts">{texts}</script>"#));
        Ok(html.replace("<!-- script -->", &format!(r#"<script type="module">{script}</script>"#)))
    }

    fn read(name: &str) -> Result<String, Box<dyn Error>> {
        fs::read_to_string(Path::new(FOLDER).join(name)).map_err(|error| format!("{FOLDER}/{name}: {error}").into())
    }

    /// The lines without indentation, blank lines, and comments that stand on lines of their own.
    fn without_comments(source: &str) -> String {
        let mut lines = Vec::new();
        let mut in_comment = false;
        for line in source.lines().map(str::trim) {
            let begins = line.starts_with("/*");
            if in_comment || begins {
                in_comment = !line.ends_with("*/");
            } else if !line.is_empty() && !line.starts_with("//") {
                lines.push(line);
            }
        }
        lines.join("\n")
    }

    fn style(source: &str) -> String {
        let shorter = [("\n", ""), (" {", "{"), (": ", ":"), (", ", ","), (" > ", ">"), (" + ", "+"), (";}", "}")];
        shorter.iter().fold(without_comments(source), |style, (long, short)| style.replace(long, short))
    }

    /// A module as a part of one script: all modules share its scope, so nothing is imported or exported. A name that
    /// two of them declare is an error of the whole script. A list that the formatter has put on several lines is one
    /// line, because no statement ends before its end.
    fn module(source: &str) -> String {
        let mut lines = Vec::new();
        let mut in_import = false;
        for line in without_comments(source).lines() {
            if in_import || line.starts_with("import ") {
                in_import = !line.ends_with(';');
            } else {
                lines.push(line.strip_prefix("export ").unwrap_or(line).to_owned());
            }
        }
        let mut script = without_spaces(&lines.join("\n"));
        for open in ["(", "[", "{", ","] {
            script = script.replace(&format!("{open}\n"), open);
        }
        for close in [")", "]", "}"] {
            script = script.replace(&format!(",\n{close}"), close).replace(&format!("\n{close}"), close);
            script = script.replace(&format!(",{close}"), close);
        }
        script
    }

    /// A script without the spaces that separate no words. Strings and templates keep theirs.
    fn without_spaces(script: &str) -> String {
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
        let mut short = String::new();
        let mut quote = None;
        let mut letters = script.chars().peekable();
        while let Some(letter) = letters.next() {
            let separates = short.ends_with(is_word) && letters.peek().is_some_and(|next| is_word(*next));
            match quote {
                None if letter == ' ' && !separates => continue,
                None if ['\'', '"', '`'].contains(&letter) => quote = Some(letter),
                Some(open) if letter == open => quote = None,
                None | Some(_) => {}
            }
            short.push(letter);
        }
        short
    }

    /// The texts as columns of lines: first the keys, then each language under its tag. An empty line is between columns.
    /// A language without a singular has its plural there.
    fn texts() -> Result<String, Box<dyn Error>> {
        let mut languages = Vec::new();
        for tag in LANGUAGES {
            languages.push((tag, serde_json::from_str::<Texts>(&read(&format!("texts/{tag}.json"))?)?));
        }
        let keys: BTreeSet<&String> = languages.iter().flat_map(|(_, texts)| texts.keys()).collect();
        let mut columns = vec![iter::once("keys").chain(keys.iter().map(|key| key.as_str())).collect::<Vec<_>>()];
        for (tag, texts) in &languages {
            let mut column = vec![*tag];
            for key in &keys {
                let text = texts.get(*key).or_else(|| texts.get(key.strip_suffix(".one")?));
                let text = text.filter(|text| !text.is_empty() && !text.contains('\n'));
                column.push(text.ok_or_else(|| format!("{FOLDER}/texts/{tag}.json needs one line for {key:?}"))?);
            }
            columns.push(column);
        }
        Ok(columns.iter().map(|column| column.join("\n")).collect::<Vec<_>>().join("\n\n"))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/http/page");
    #[cfg(feature = "http")]
    page::build(std::path::Path::new(&std::env::var("OUT_DIR")?))?;
    Ok(())
}
