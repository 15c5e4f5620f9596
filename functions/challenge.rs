//! The Lambda function `challenge`.

fn main() -> Result<(), countersign::config::ConfigError> {
    countersign::lambda::run(countersign::http::routes::Function::Challenge)
}
