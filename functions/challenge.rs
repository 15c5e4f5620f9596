//! The Lambda function `challenge`.

fn main() -> std::process::ExitCode {
    countersign::lambda::run(countersign::http::routes::Function::Challenge)
}
