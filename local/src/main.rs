//! Countersign on one machine: every function on one port, a store in a file, an inbox for the codes, and an issuer of
//! access tokens for the calls.

mod authorizer;
mod clock;
mod command_line;
mod demo;
mod home;
mod inbox;
mod issuer;
mod loopback;
mod page;
mod receipt;
mod serve;
mod signature;
mod site;
mod try_it;

use std::io::Write;
use std::process::ExitCode;

use command_line::Command;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let command = match command_line::read() {
        Ok(command) => command,
        Err(error) => {
            report(&error);
            return ExitCode::from(2);
        }
    };
    let done = match command {
        Command::Serve { port, data_dir, key, settings } => serve::serve(port, &data_dir, key, *settings).await,
        Command::Token { data_dir, person } => issuer::print_token(&data_dir, &person),
        Command::Receipt(asked) => receipt::run(&asked),
        Command::Demo { port, data_dir, person } => demo::run(port, &data_dir, &person),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

/// Prints an error to standard error. A failure to print is ignored: there is no other place to report it.
pub(crate) fn report(error: &dyn std::fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "countersign: {error}");
}
