//! The command line. The flags of the settings come from their table. Each can be an environment variable too.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, value_parser};
use countersign::config::{self, ConfigError, SETTINGS};
use countersign::flows::Settings;

use crate::receipt::Asked;
use crate::serve::own_issuer;

/// The default data folder.
const DEFAULT_DATA_DIR: &str = ".countersign";

/// The chosen command.
pub(crate) enum Command {
    /// Runs the server.
    Serve { port: u16, data_dir: PathBuf, settings: Box<Settings> },
    /// Prints an access token.
    Token { data_dir: PathBuf, person: Person },
    /// Enrols an authenticator app over HTTP.
    Demo { port: u16, data_dir: PathBuf, person: Person },
    /// Says what a receipt means.
    Receipt(Asked),
}

/// The person that a token is for.
pub(crate) struct Person {
    /// The user id.
    pub(crate) user: String,
    /// The claim `email`.
    pub(crate) email: Option<String>,
    /// The claim `phone_number`.
    pub(crate) phone: Option<String>,
    /// The life of the token in seconds.
    pub(crate) ttl: u64,
}

/// The `--data-dir` flag for another command to find this data, quoted for a shell; empty for the default folder.
pub(crate) fn data_dir_flag(data_dir: &Path) -> String {
    if data_dir == Path::new(DEFAULT_DATA_DIR) {
        return String::new();
    }
    let text = data_dir.display().to_string();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    let quoted = if text.bytes().all(is_plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) };
    format!(" --data-dir {quoted}")
}

/// Reads the command line. Help, and errors that clap finds, end the process.
///
/// # Errors
/// [`ConfigError`] with every invalid setting.
pub(crate) fn read() -> Result<Command, ConfigError> {
    let matches = command().get_matches();
    Ok(match matches.subcommand() {
        Some(("token", matches)) => Command::Token { data_dir: data_dir(matches), person: person(matches) },
        Some(("demo", matches)) => {
            Command::Demo { port: port(matches), data_dir: data_dir(matches), person: person(matches) }
        }
        Some(("receipt", matches)) => {
            let text = |name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
            Command::Receipt(Asked { token: text("token"), issuer: text("issuer"), audience: text("audience") })
        }
        _ => {
            // The local server is its own issuer of receipts.
            let issuer = own_issuer(port(&matches));
            let settings = config::read(|name| {
                let given = matches.get_one::<String>(name).cloned();
                given.or_else(|| (name == "RECEIPT_ISSUER").then(|| issuer.clone()))
            })?;
            Command::Serve { port: port(&matches), data_dir: data_dir(&matches), settings: Box::new(settings) }
        }
    })
}

fn command() -> clap::Command {
    let settings = SETTINGS.iter().map(|setting| {
        let range = setting.range.map_or(String::new(), |(least, most)| format!(", {least} to {most}"));
        let meaning = match setting.default {
            "" => setting.meaning.to_owned(),
            default => format!("{} [default: {default}{range}]", setting.meaning),
        };
        Arg::new(setting.name).long(setting.name.to_lowercase().replace('_', "-")).env(setting.name).help(meaning)
    });
    let token = clap::Command::new("token")
        .about("Prints an access token of the local issuer, whether the server runs or not")
        .args([user_arg(), data_dir_arg()])
        .arg(Arg::new("email").long("email").help("the claim `email`"))
        .arg(Arg::new("phone").long("phone").help("the claim `phone_number`"))
        .arg(
            Arg::new("ttl")
                .long("ttl")
                .value_parser(value_parser!(u64).range(1..=31_536_000))
                .default_value("3600")
                .help("how long it lives, in seconds"),
        );
    let demo = clap::Command::new("demo").about("Enrols your authenticator app with the running server").args([
        user_arg(),
        port_arg().value_parser(value_parser!(u16).range(1..)).help("the port of the server"),
        data_dir_arg(),
    ]);
    let receipt = clap::Command::new("receipt")
        .about("Checks a receipt with its issuer's keys, and says what it means")
        .arg(Arg::new("token").required(true).help("the receipt"))
        .arg(Arg::new("issuer").long("issuer").default_value("http://127.0.0.1:3000").help("the issuer that you trust"))
        .arg(Arg::new("audience").long("audience").default_value("countersign").help("the audience that you are"));
    clap::Command::new("countersign")
        .about("Serves every function on one port of this machine, with a store in a file and an inbox for the codes")
        .args([port_arg(), data_dir_arg()])
        .args(settings)
        .subcommands([token, demo, receipt])
        .args_conflicts_with_subcommands(true)
}

fn user_arg() -> Arg {
    Arg::new("user").long("user").required(true).help("the user id")
}

fn port_arg() -> Arg {
    Arg::new("port")
        .long("port")
        .env("PORT")
        .value_parser(value_parser!(u16))
        .default_value("3000")
        .help("the port on 127.0.0.1; 0 takes a free one")
}

fn data_dir_arg() -> Arg {
    Arg::new("data-dir")
        .long("data-dir")
        .env("DATA_DIR")
        .value_parser(value_parser!(PathBuf))
        .default_value(DEFAULT_DATA_DIR)
        .help("where accounts and keys are kept")
}

fn port(matches: &ArgMatches) -> u16 {
    matches.get_one("port").copied().unwrap_or_default()
}

fn data_dir(matches: &ArgMatches) -> PathBuf {
    matches.get_one::<PathBuf>("data-dir").cloned().unwrap_or_default()
}

fn person(matches: &ArgMatches) -> Person {
    // The demo has no `email`, `phone` and `ttl`.
    let optional = |name: &str| matches.try_get_one::<String>(name).ok().flatten().cloned();
    Person {
        user: optional("user").unwrap_or_default(),
        email: optional("email"),
        phone: optional("phone"),
        ttl: matches.try_get_one::<u64>("ttl").ok().flatten().copied().unwrap_or(3600),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_well_formed() {
        super::command().debug_assert();
    }

    #[test]
    fn a_command_is_shown_as_a_shell_reads_it() {
        let flag = |path: &str| super::data_dir_flag(std::path::Path::new(path));
        assert_eq!(flag(".countersign"), "");
        assert_eq!(flag("/tmp/data"), " --data-dir /tmp/data");
        assert_eq!(flag("my data"), " --data-dir 'my data'");
        assert_eq!(flag("it's"), r" --data-dir 'it'\''s'");
    }
}
