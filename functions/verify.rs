//! The Lambda function `verify`.

fn main() -> std::process::ExitCode {
    countersign::lambda::run(countersign::http::routes::Function::Verify)
}
