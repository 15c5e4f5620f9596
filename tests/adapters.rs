//! What talks to AWS, over the wire: DynamoDB Local and moto stand in for it, behind a proxy that gets requests into
//! trouble.

mod answers;
mod dynamodb;
mod keys;
mod proxy;
mod rotation;
