//! The Lambda function `page`.

fn main() -> std::process::ExitCode {
    countersign::lambda::run(countersign::http::routes::Function::Page)
}
