//! The Lambda function `enroll-request`.

fn main() -> std::process::ExitCode {
    countersign::lambda::run(countersign::http::routes::Function::EnrollRequest)
}
