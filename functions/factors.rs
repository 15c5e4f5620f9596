//! The Lambda function `factors`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), countersign::config::ConfigError> {
    countersign::lambda::run(countersign::http::routes::Function::Factors).await
}
