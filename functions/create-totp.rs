//! The Lambda function `create-totp`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), countersign::config::ConfigError> {
    countersign::lambda::run(countersign::http::routes::Function::CreateTotp).await
}
