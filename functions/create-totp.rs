//! The Lambda function `create-totp`.

fn main() -> std::process::ExitCode {
    countersign::lambda::run(countersign::http::routes::Function::CreateTotp)
}
