//! HTTP/1.1 as the AWS SDKs use it, and the errors of AWS services in each service's form.

use std::io::{self, BufRead};

use data_encoding::HEXUPPER_PERMISSIVE;
use serde_json::{Value, json};

/// A request or an answer.
#[derive(Clone, Debug)]
pub struct Message {
    /// The request line or the status line.
    start: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Headers of one connection, which are not forwarded.
const OF_A_CONNECTION: [&str; 4] = ["connection", "keep-alive", "transfer-encoding", "content-length"];

impl Message {
    /// Reads a request, or the answer to `request`. `None` if the connection ended before it.
    pub fn read(reader: &mut impl BufRead, request: Option<&Message>) -> io::Result<Option<Self>> {
        let mut start = line(reader)?;
        // An interim answer.
        while start.starts_with("HTTP/1.1 100") {
            while !line(reader)?.is_empty() {}
            start = line(reader)?;
        }
        if start.is_empty() {
            return Ok(None);
        }
        let mut headers = Vec::new();
        loop {
            let line = line(reader)?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut message = Self { start, headers, body: Vec::new() };
        let bodiless = request.is_some_and(|request| request.start.starts_with("HEAD "));
        if message.header("transfer-encoding").eq_ignore_ascii_case("chunked") {
            message.body = chunks(reader)?;
        } else if let Ok(length) = message.header("content-length").parse::<usize>()
            && !bodiless
        {
            message.body = vec![0; length];
            reader.read_exact(&mut message.body)?;
        } else if request.is_some() && !bodiless {
            reader.read_to_end(&mut message.body)?;
        }
        Ok(Some(message))
    }

    /// An answer.
    pub fn answer(status: u16, content_type: &str, body: &str) -> Self {
        Self {
            start: format!("HTTP/1.1 {status} Status"),
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.as_bytes().to_vec(),
        }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The message without the headers of its connection.
    pub fn without_hops(mut self) -> Self {
        self.headers.retain(|(name, _)| !OF_A_CONNECTION.contains(&name.as_str()));
        self
    }

    /// The message for a connection that closes after the answer.
    pub fn for_one_connection(&self) -> Self {
        self.clone().without_hops().with("connection", "close")
    }

    /// Removes the token from a transaction.
    pub fn drop_token(&mut self) {
        if let Ok(Value::Object(mut call)) = serde_json::from_slice(&self.body) {
            call.remove("ClientRequestToken");
            self.body = Value::Object(call).to_string().into_bytes();
        }
    }

    /// The bytes to send.
    pub fn bytes(&self) -> Vec<u8> {
        let headers = self.headers.iter().filter(|(name, _)| name != "content-length");
        let headers: String = headers.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("{}\r\n{headers}content-length: {}\r\n\r\n", self.start, self.body.len());
        [head.as_bytes(), &self.body].concat()
    }

    /// The status of an answer.
    pub fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(each, _)| each == name).map_or("", |(_, value)| value.as_str())
    }

    /// The operation: `DynamoDB_20120810.GetItem`, `TrentService.GenerateMac`, `RekognitionService.CompareFaces`,
    /// `Publish`, or method and path.
    pub fn operation(&self) -> String {
        let target = self.header("x-amz-target");
        if !target.is_empty() {
            return target.to_owned();
        }
        let form = String::from_utf8_lossy(&self.body);
        let action = form.split('&').find_map(|field| field.strip_prefix("Action="));
        action.map_or_else(|| self.start.trim_end_matches(" HTTP/1.1").to_owned(), str::to_owned)
    }

    /// The partition keys in a call to DynamoDB.
    pub fn keys(&self) -> Vec<String> {
        let Ok(body) = serde_json::from_slice::<Value>(&self.body) else { return Vec::new() };
        let key = |call: &Value| call.pointer("/Key/pk/S").and_then(Value::as_str).map(str::to_owned);
        let items = body["TransactItems"].as_array().into_iter().flatten();
        let of_items = items.flat_map(|item| item.as_object().into_iter().flat_map(|item| item.values())).map(key);
        std::iter::once(key(&body)).chain(of_items).flatten().collect()
    }

    /// The id of the access key that signed it.
    pub fn access_key(&self) -> String {
        let credential = self.header("authorization").split_once("Credential=").map_or("", |(_, rest)| rest);
        credential.split('/').next().unwrap_or_default().to_owned()
    }
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line)?;
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

/// Decodes a text of a form.
pub fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        (rest, bytes) = match (byte, after.split_at_checked(2)) {
            (b'%', Some((hex, after))) => (after, [bytes, HEXUPPER_PERMISSIVE.decode(hex).unwrap()].concat()),
            (b'+', _) => (after, [bytes, vec![b' ']].concat()),
            _ => (after, [bytes, vec![*byte]].concat()),
        };
    }
    String::from_utf8(bytes).unwrap()
}

fn chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = usize::from_str_radix(line(reader)?.split(';').next().unwrap_or_default(), 16);
        let size = size.map_err(|_| io::ErrorKind::InvalidData)?;
        let mut chunk = vec![0; size];
        reader.read_exact(&mut chunk)?;
        body.append(&mut chunk);
        // The line end after the chunk, or after the last one.
        line(reader)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

/// The form of a service's errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    DynamoDb,
    Kms,
    Sns,
    Ses,
    Rekognition,
}

impl Protocol {
    pub fn of(request: &Message) -> Self {
        let operation = request.operation();
        match () {
            () if operation.starts_with("DynamoDB") => Self::DynamoDb,
            () if operation.starts_with("TrentService") => Self::Kms,
            () if operation.starts_with("RekognitionService") => Self::Rekognition,
            () if operation.contains(' ') => Self::Ses,
            () => Self::Sns,
        }
    }

    /// An error of this status and code. Its text repeats personal data as the services' texts do, so tests can check
    /// that it is not logged.
    pub fn error(self, status: u16, code: &str) -> Message {
        let message = "It is about +8613812345678 or anna.ample@mail.example.";
        match self {
            Self::DynamoDb => {
                let code = format!("com.amazonaws.dynamodb.v20120810#{code}");
                json_answer(status, "1.0", &json!({"__type": code, "message": message}))
            }
            Self::Kms | Self::Rekognition => json_answer(status, "1.1", &json!({"__type": code, "message": message})),
            Self::Sns => {
                let error =
                    format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>");
                let body = format!(
                    "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">{error}\
                     <RequestId>1</RequestId></ErrorResponse>"
                );
                Message::answer(status, "text/xml", &body)
            }
            Self::Ses => {
                let body = json!({"message": message}).to_string();
                Message::answer(status, "application/json", &body).with("x-amzn-errortype", code)
            }
        }
    }

    pub fn throttled(self) -> Message {
        match self {
            Self::DynamoDb | Self::Kms | Self::Rekognition => self.error(400, "ThrottlingException"),
            Self::Sns => self.error(429, "Throttled"),
            Self::Ses => self.error(429, "TooManyRequestsException"),
        }
    }

    pub fn broken(self) -> Message {
        match self {
            Self::DynamoDb | Self::Rekognition => self.error(500, "InternalServerError"),
            Self::Kms => self.error(500, "KMSInternalException"),
            Self::Sns => self.error(500, "InternalError"),
            Self::Ses => self.error(500, "InternalServiceError"),
        }
    }

    pub fn cancelled(self, reasons: &[&str]) -> Message {
        let reasons: Vec<Value> = reasons
            .iter()
            .map(|code| if *code == "None" { json!({"Code": code}) } else { json!({"Code": code, "Message": code}) })
            .collect();
        let code = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
        json_answer(400, "1.0", &json!({"__type": code, "Message": "Cancelled", "CancellationReasons": reasons}))
    }

    /// The answer to a write that conflicts with another transaction at its first item.
    pub fn in_conflict(self, operation: &str, items: usize) -> Message {
        if operation.ends_with("TransactWriteItems") {
            let mut reasons = vec!["None"; items];
            reasons[0] = "TransactionConflict";
            self.cancelled(&reasons)
        } else {
            self.error(400, "TransactionConflictException")
        }
    }
}

fn json_answer(status: u16, version: &str, body: &Value) -> Message {
    Message::answer(status, &format!("application/x-amz-json-{version}"), &body.to_string())
}
