//! A proxy between an AWS client and the server that stands in for AWS. It records every request and injects the
//! planned faults.
//!
//! It has its own threads and an address, so that other processes can use it too.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use super::wire::{Message, Protocol, unescaped};

/// The longest delay of a reply: longer than any client here waits.
const PATIENCE: Duration = Duration::from_secs(20);

/// A fault of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Throttled, in the service's own form; nothing happens.
    Throttled,
    /// Refused with this status and code, in the service's own form; nothing happens.
    Refused(u16, &'static str),
    /// Answered with this JSON and status 200; nothing happens.
    Told(&'static str),
    /// Refused with this status by a proxy in between, in no service's form; nothing happens.
    Foreign(u16),
    /// A cancelled DynamoDB transaction with these reasons, one for each item; nothing happens.
    Cancelled(&'static [&'static str]),
    /// A conflict with another transaction; nothing happens. Only writes of DynamoDB can meet it.
    InConflict,
    /// A server error; nothing happened.
    Broken,
    /// A server error, although the request was applied.
    BrokenAfter,
    /// The connection is cut; nothing happened.
    Cut,
    /// The request was applied, and the connection is cut.
    CutAfter,
    /// The request was applied, and the connection is cut in the middle of the answer.
    Torn,
    /// The request was applied, and the answer comes after the client has stopped waiting.
    Slow,
    /// The request is applied after the client has given up.
    Late,
    /// The request was applied, and the answer is unreadable.
    Garbage,
}

/// A request that the proxy saw.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The operation: `DynamoDB_20120810.GetItem`, `TrentService.GenerateMac`, `RekognitionService.CompareFaces`,
    /// `Publish`, `POST /v2/email/outbound-emails`.
    pub operation: String,
    /// The partition keys in a request to DynamoDB.
    pub keys: Vec<String>,
    /// The id of the access key that signed it.
    pub access_key: String,
    pub body: String,
    /// The time of its arrival, and of its answer or cut, since the proxy began.
    pub began: Duration,
    pub ended: Option<Duration>,
    /// The status of the client's answer, and the size of its body.
    pub status: Option<u16>,
    pub answer_size: usize,
    /// The injected fault.
    pub fault: Option<Fault>,
    /// Whether the client gave up before it was answered.
    pub given_up: bool,
}

impl Seen {
    /// The operation without its service: `GetItem`.
    pub fn name(&self) -> &str {
        self.operation.rsplit('.').next().unwrap_or_default()
    }

    /// The fields of a form body, as SNS receives.
    pub fn form(&self) -> BTreeMap<String, String> {
        let fields = self.body.split('&').filter_map(|field| field.split_once('='));
        fields.map(|(name, value)| (unescaped(name), unescaped(value))).collect()
    }
}

/// The fault to inject, and into which requests.
struct Plan {
    fault: Fault,
    operation: &'static str,
    first: usize,
    count: usize,
}

/// The action between a request that was applied and the loss of its answer.
type Meanwhile = Box<dyn FnOnce(&Seen) + Send>;

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    /// The number of requests of the planned operation since the plan was made.
    counted: usize,
    plan: Option<Plan>,
    meanwhile: VecDeque<Meanwhile>,
}

struct Shared {
    upstream: Option<SocketAddr>,
    began: Instant,
    state: Mutex<State>,
    closed: AtomicBool,
    forgets_tokens: AtomicBool,
}

/// A proxy. It ends when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// A proxy in front of a server at `http://127.0.0.1:PORT`.
    pub fn to(upstream: &str) -> Self {
        let upstream = upstream.trim_start_matches("http://").parse().unwrap();
        Self::start(Some(upstream))
    }

    /// A proxy without a server: it answers only as planned.
    pub fn to_nowhere() -> Self {
        Self::start(None)
    }

    fn start(upstream: Option<SocketAddr>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            upstream,
            began: Instant::now(),
            state: Mutex::default(),
            closed: AtomicBool::new(false),
            forgets_tokens: AtomicBool::new(false),
        });
        let proxy = Self { address, shared: Arc::clone(&shared) };
        thread::spawn(move || {
            for client in listener.incoming() {
                if shared.closed.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(client), shared) = (client, Arc::clone(&shared)) else { continue };
                // An error of a connection means that the client went away.
                thread::spawn(move || drop(shared.serve(&client)));
            }
        });
        proxy
    }

    /// The proxy's address: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Counts requests from zero, and injects the fault into `first .. first + count`.
    pub fn plan(&self, fault: Fault, first: usize, count: usize) {
        self.plan_for("", fault, first, count);
    }

    /// The same for one operation only, by its name without the service: `UpdateItem`.
    pub fn plan_for(&self, operation: &'static str, fault: Fault, first: usize, count: usize) {
        let mut state = self.shared.lock();
        state.counted = 0;
        state.plan = Some(Plan { fault, operation, first, count });
    }

    /// Makes the service forget the tokens of transactions, as DynamoDB does after ten minutes.
    pub fn forget_tokens(&self) {
        self.shared.forgets_tokens.store(true, Ordering::SeqCst);
    }

    /// Ends the fault. Returns the number of requests of the planned operation since the plan was made.
    pub fn heal(&self) -> usize {
        let mut state = self.shared.lock();
        state.plan = None;
        state.meanwhile.clear();
        state.counted
    }

    /// Sets the action for the next request that is applied and whose answer is lost. It may block: it has its own
    /// thread.
    pub fn meanwhile(&self, meanwhile: impl FnOnce(&Seen) + Send + 'static) {
        self.shared.lock().meanwhile.push_back(Box::new(meanwhile));
    }

    /// The requests since the last call, in the order of arrival. Waits until all are answered.
    pub async fn take(&self) -> Vec<Seen> {
        loop {
            {
                let mut state = self.shared.lock();
                if state.seen.iter().all(|seen| seen.ended.is_some()) {
                    return std::mem::take(&mut state.seen);
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        // Wakes the listening thread.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn serve(&self, client: &TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let mut reader = BufReader::new(client);
        while let Some(request) = Message::read(&mut reader, None)? {
            let (index, fault) = self.note(&request);
            let answered = self.answer(&request, fault, index, client);
            let mut state = self.lock();
            if let Some(seen) = state.seen.get_mut(index) {
                seen.ended = Some(self.began.elapsed());
                if let Ok(Some(answer)) = &answered {
                    seen.status = Some(answer.status());
                    seen.answer_size = answer.body.len();
                }
            }
            drop(state);
            if answered?.is_none() {
                return client.shutdown(Shutdown::Both);
            }
        }
        Ok(())
    }

    /// Records a request and returns its planned fault.
    fn note(&self, request: &Message) -> (usize, Option<Fault>) {
        let seen = Seen {
            operation: request.operation(),
            keys: request.keys(),
            access_key: request.access_key(),
            body: String::from_utf8_lossy(&request.body).into_owned(),
            began: self.began.elapsed(),
            ended: None,
            status: None,
            answer_size: 0,
            fault: None,
            given_up: false,
        };
        let mut state = self.lock();
        let mut fault = None;
        let counted = state.counted;
        if let Some(plan) = &state.plan
            && (plan.operation.is_empty() || plan.operation == seen.name())
        {
            let is_meant = (plan.first..plan.first.saturating_add(plan.count)).contains(&counted);
            fault = is_meant.then_some(plan.fault);
            state.counted += 1;
        }
        state.seen.push(Seen { fault, ..seen });
        (state.seen.len() - 1, fault)
    }

    /// Answers a request as planned. `None` means no answer: the connection is cut.
    fn answer(
        &self,
        request: &Message,
        fault: Option<Fault>,
        index: usize,
        mut client: &TcpStream,
    ) -> io::Result<Option<Message>> {
        let protocol = Protocol::of(request);
        let answer = match fault {
            None => self.forward(request)?,
            Some(Fault::Throttled) => protocol.throttled(),
            Some(Fault::Refused(status, code)) => protocol.error(status, code),
            Some(Fault::Told(body)) => Message::answer(200, "application/x-amz-json-1.1", body),
            Some(Fault::Foreign(status)) => Message::answer(status, "text/html", "<html>Who are you?"),
            Some(Fault::Cancelled(reasons)) => protocol.cancelled(reasons),
            Some(Fault::InConflict) => protocol.in_conflict(&request.operation(), request.keys().len()),
            Some(Fault::Broken) => protocol.broken(),
            Some(Fault::BrokenAfter) => {
                self.forward(request)?;
                self.meanwhile(index);
                protocol.broken()
            }
            Some(Fault::Cut) => return Ok(None),
            Some(Fault::CutAfter) => {
                self.forward(request)?;
                self.meanwhile(index);
                return Ok(None);
            }
            Some(Fault::Torn) => {
                let bytes = self.forward(request)?.bytes();
                self.meanwhile(index);
                client.write_all(&bytes[..bytes.len() - 1])?;
                return Ok(None);
            }
            Some(Fault::Slow) => {
                let answer = self.forward(request)?;
                self.meanwhile(index);
                self.wait_for_the_end(index, client)?;
                answer
            }
            Some(Fault::Late) => {
                self.wait_for_the_end(index, client)?;
                self.forward(request)?
            }
            Some(Fault::Garbage) => {
                self.forward(request)?;
                self.meanwhile(index);
                Message::answer(200, "application/x-amz-json-1.0", "<html>Welcome")
            }
        };
        client.write_all(&answer.bytes())?;
        Ok(Some(answer))
    }

    /// Forwards a request to the server.
    fn forward(&self, request: &Message) -> io::Result<Message> {
        let Some(upstream) = self.upstream else {
            return Ok(Protocol::of(request).error(500, "NothingIsBehind"));
        };
        let mut server = TcpStream::connect(upstream)?;
        server.set_nodelay(true)?;
        let mut request = request.for_one_connection();
        if self.forgets_tokens.load(Ordering::SeqCst) {
            request.drop_token();
        }
        server.write_all(&request.bytes())?;
        let answer = Message::read(&mut BufReader::new(server), Some(&request))?;
        answer.map(Message::without_hops).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Runs the action between a request and the loss of its answer.
    fn meanwhile(&self, index: usize) {
        let mut state = self.lock();
        let Some(seen) = state.seen.get(index).cloned() else { return };
        let meanwhile = state.meanwhile.pop_front();
        drop(state);
        if let Some(meanwhile) = meanwhile {
            meanwhile(&seen);
        }
    }

    /// Waits until the client closes the connection.
    fn wait_for_the_end(&self, index: usize, mut client: &TcpStream) -> io::Result<()> {
        client.set_read_timeout(Some(PATIENCE))?;
        // A waiting client sends nothing, so the read would block.
        let is_over = !matches!(client.read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        if let Some(seen) = self.lock().seen.get_mut(index) {
            seen.given_up = is_over;
        }
        client.set_read_timeout(None)
    }
}
