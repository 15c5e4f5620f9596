//! What talks to AWS, over the wire: DynamoDB Local and moto stand in for it, behind a proxy that gets requests into
//! trouble.

mod answers;
mod dynamodb;
mod email;
mod given;
mod keys;
mod logs;
mod proxy;
mod rotation;
mod sms;
