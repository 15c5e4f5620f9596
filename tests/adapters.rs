//! The AWS adapters over the wire. DynamoDB Local and moto stand in for AWS, behind a proxy that injects faults.

mod answers;
mod dynamodb;
mod email;
mod faces;
mod given;
mod keys;
mod logs;
mod photo_links;
mod proxy;
mod rotation;
mod sms;
