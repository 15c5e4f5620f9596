//! The Lambda function `create-totp`.

fn main() -> Result<(), countersign::config::ConfigError> {
    countersign::lambda::run(countersign::http::routes::Function::CreateTotp)
}
