//! The Lambda function `verify`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), countersign::config::ConfigError> {
    countersign::lambda::run(countersign::http::routes::Function::Verify).await
}
