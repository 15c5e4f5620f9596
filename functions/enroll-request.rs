//! The Lambda function `enroll-request`.

fn main() -> Result<(), countersign::config::ConfigError> {
    countersign::lambda::run(countersign::http::routes::Function::EnrollRequest)
}
