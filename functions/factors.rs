//! The Lambda function `factors`.

fn main() -> std::process::ExitCode {
    countersign::lambda::run(countersign::http::routes::Function::Factors)
}
