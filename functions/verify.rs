//! The Lambda function `verify`.

fn main() -> Result<(), countersign::config::ConfigError> {
    countersign::lambda::run(countersign::http::routes::Function::Verify)
}
