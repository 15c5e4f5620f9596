//! The Lambda function `factors`.

fn main() -> Result<(), countersign::config::ConfigError> {
    countersign::lambda::run(countersign::http::routes::Function::Factors)
}
