//! The command line. The flags of the settings come from their table. Each can be an environment variable too.

use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, value_parser};
use countersign::config::{self, ConfigError, SETTINGS};
use countersign::flows::Settings;

use crate::receipt::Asked;
use crate::site;

/// The default data folder.
const DEFAULT_DATA_DIR: &str = ".countersign";

/// The default access key id, and its secret.
const DEFAULT_KEY_PART: &str = "local";

/// The chosen command.
pub(crate) enum Command {
    /// Runs the server.
    Serve { port: u16, data_dir: PathBuf, key: AccessKey, settings: Box<Settings> },
    /// Prints an access token.
    Token { data_dir: PathBuf, person: Person },
    /// Enrols an authenticator app over HTTP.
    Demo { port: u16, data_dir: PathBuf, person: Person },
    /// Says what a receipt means.
    Receipt(Asked),
}

/// The access key that signs for the back end.
pub(crate) struct AccessKey {
    /// The access key id.
    pub(crate) id: String,
    /// The secret access key.
    pub(crate) secret: String,
}

impl AccessKey {
    /// Whether it is the well-known one.
    pub(crate) fn is_default(&self) -> bool {
        [&self.id, &self.secret].iter().all(|part| *part == DEFAULT_KEY_PART)
    }
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
/// [`ConfigError`] with every invalid setting, by the name with which it was given.
pub(crate) fn read() -> Result<Command, ConfigError> {
    chosen(&command().get_matches())
}

fn chosen(matches: &ArgMatches) -> Result<Command, ConfigError> {
    Ok(match matches.subcommand() {
        Some(("token", matches)) => Command::Token { data_dir: data_dir(matches), person: person(matches) },
        Some(("demo", matches)) => {
            Command::Demo { port: port(matches, 1)?, data_dir: data_dir(matches), person: person(matches) }
        }
        Some(("receipt", matches)) => {
            let text = |name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
            Command::Receipt(Asked { token: text("token"), issuer: text("issuer"), audience: text("audience") })
        }
        _ => {
            let port = port(matches, 0);
            let asked = port.as_ref().copied().unwrap_or_default();
            let given = |name: &str| matches.get_one::<String>(name);
            let settings = config::read(|name| {
                let default = || site::default(name, asked, given("RP_ID").map(String::as_str));
                given(name).cloned().or_else(default)
            });
            let settings = settings.map_err(|ConfigError(problems)| {
                ConfigError(problems.iter().map(|problem| as_given(problem, matches)).collect())
            });
            match (port, settings) {
                (Ok(port), Ok(settings)) => Command::Serve {
                    port,
                    data_dir: data_dir(matches),
                    key: access_key(matches),
                    settings: Box::new(settings),
                },
                (port, settings) => {
                    let problems = [port.err(), settings.err()].into_iter().flatten();
                    return Err(ConfigError(problems.flat_map(|ConfigError(problems)| problems).collect()));
                }
            }
        }
    })
}

/// A problem that names settings by their environment variables, with the flag for each that came by its flag.
fn as_given(problem: &str, matches: &ArgMatches) -> String {
    let is_of_name = |letter: char| letter.is_ascii_uppercase() || letter == '_';
    let mut given = String::new();
    let mut rest = problem;
    while let Some(start) = rest.find(is_of_name) {
        let (before, from_start) = rest.split_at(start);
        let length = from_start.find(|letter| !is_of_name(letter)).unwrap_or(from_start.len());
        let (name, after) = from_start.split_at(length);
        let is_typed = SETTINGS.iter().any(|setting| setting.name == name)
            && matches.value_source(name) == Some(ValueSource::CommandLine);
        given.push_str(before);
        if is_typed {
            given.push_str("--");
            given.push_str(&flag(name));
        } else {
            given.push_str(name);
        }
        rest = after;
    }
    given + rest
}

/// The flag of an environment variable, without its hyphens in front.
fn flag(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

fn command() -> clap::Command {
    let settings = SETTINGS.iter().map(|setting| {
        let range = setting.range.map_or(String::new(), |(least, most)| format!(", {least} to {most}"));
        let meaning = match setting.default {
            "" => setting.meaning.to_owned(),
            default => format!("{} [default: {default}{range}]", setting.meaning),
        };
        Arg::new(setting.name).long(flag(setting.name)).env(setting.name).help(meaning)
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
        port_arg().help("the port of the server"),
        data_dir_arg(),
    ]);
    let receipt = clap::Command::new("receipt")
        .about("Checks a receipt with its issuer's keys, and says what it means")
        .arg(Arg::new("token").required(true).help("the receipt"))
        .arg(Arg::new("issuer").long("issuer").default_value("http://127.0.0.1:3000").help("the issuer that you trust"))
        .arg(Arg::new("audience").long("audience").default_value("countersign").help("the audience that you are"));
    clap::Command::new("countersign")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Serves every function on one port of this machine, with a store in a file and an inbox for the codes")
        .args([port_arg(), data_dir_arg()])
        .args(access_key_args())
        .args(settings)
        .subcommands([token, demo, receipt])
        .args_conflicts_with_subcommands(true)
}

fn user_arg() -> Arg {
    Arg::new("user").long("user").required(true).help("the user id")
}

fn port_arg() -> Arg {
    Arg::new("port").long("port").env("PORT").default_value("3000").help("the port on 127.0.0.1; 0 takes a free one")
}

fn data_dir_arg() -> Arg {
    Arg::new("data-dir")
        .long("data-dir")
        .env("DATA_DIR")
        .value_parser(value_parser!(PathBuf))
        .default_value(DEFAULT_DATA_DIR)
        .help("where accounts and keys are kept")
}

/// The variables are not those of the AWS tools: a developer's own AWS credentials must not become this server's.
fn access_key_args() -> [Arg; 2] {
    let arg = |name: &'static str, variable: &'static str| {
        Arg::new(name)
            .long(name)
            .env(variable)
            .hide_env_values(true)
            .value_parser(key_part)
            .default_value(DEFAULT_KEY_PART)
    };
    [
        arg("access-key-id", "LOCAL_ACCESS_KEY_ID").help("the AWS access key id that signs for the back end"),
        arg("secret-access-key", "LOCAL_SECRET_ACCESS_KEY").help("its secret access key"),
    ]
}

/// A part of an access key. The id stands between slashes and commas in a signature.
fn key_part(text: &str) -> Result<String, &'static str> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
    is_plain.then(|| text.to_owned()).ok_or("must be ASCII without spaces and commas")
}

fn access_key(matches: &ArgMatches) -> AccessKey {
    let text = |name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
    AccessKey { id: text("access-key-id"), secret: text("secret-access-key") }
}

/// The port, from `least` on. clap can't check it: it names the flag, even if the value came by the variable.
fn port(matches: &ArgMatches, least: u16) -> Result<u16, ConfigError> {
    let text = matches.get_one::<String>("port").map(String::as_str).unwrap_or_default();
    text.parse().ok().filter(|port| *port >= least).ok_or_else(|| {
        let name = if matches.value_source("port") == Some(ValueSource::EnvVariable) { "PORT" } else { "--port" };
        ConfigError(vec![format!("{name} must be a number from {least} to {}", u16::MAX)])
    })
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
    use super::*;

    /// The problems with a command line.
    fn problems(arguments: &[&str]) -> Vec<String> {
        let arguments = ["countersign"].iter().chain(arguments);
        chosen(&command().try_get_matches_from(arguments).unwrap()).err().unwrap().0
    }

    #[test]
    fn the_command_line_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn a_problem_names_the_flag_that_was_typed() {
        let told = problems(&["--step-up-seconds", "0", "--port", "65536"]);
        assert_eq!(
            told,
            ["--port must be a number from 0 to 65535", "--step-up-seconds must be a number from 1 to 86400"]
        );
        let told = problems(&["demo", "--user", "alice", "--port", "0"]);
        assert_eq!(told, ["--port must be a number from 1 to 65535"]);
    }

    #[test]
    fn every_setting_that_can_be_wrong_is_named_by_its_flag() {
        for setting in SETTINGS {
            let flag = format!("--{}", flag(setting.name));
            // Any text can be the name of a claim, but not an empty one.
            let wrong = if setting.name == "USER_ID_CLAIM" { "" } else { "\u{7}" };
            let told = problems(&[&flag, wrong]);
            assert!(told.iter().all(|problem| problem.contains(&flag) && !problem.contains(setting.name)), "{told:?}");
        }
    }

    #[test]
    fn the_data_dir_flag_is_quoted_for_a_shell() {
        let flag = |path: &str| data_dir_flag(Path::new(path));
        assert_eq!(flag(".countersign"), "");
        assert_eq!(flag("/tmp/data"), " --data-dir /tmp/data");
        assert_eq!(flag("my data"), " --data-dir 'my data'");
        assert_eq!(flag("it's"), r" --data-dir 'it'\''s'");
    }
}
