//! A proxy between a client of AWS and what stands in for AWS here. It writes down every request, and gets those that a
//! test names into trouble.
//!
//! It has threads of its own and an address, so that other processes may go through it as well as this one.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use super::wire::{Message, Protocol, unescaped};

/// How long a reply is held back at the most: longer than any client here waits.
const PATIENCE: Duration = Duration::from_secs(20);

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Refused for now, in the service's own words; nothing happens.
    Throttled,
    /// Refused with this status and code, in the service's own form; nothing happens.
    Refused(u16, &'static str),
    /// Refused with this status by somebody in between, who speaks no service's language; nothing happens.
    Foreign(u16),
    /// A DynamoDB transaction that is cancelled for these reasons, one for each item; nothing happens.
    Cancelled(&'static [&'static str]),
    /// Another transaction is at the same item; nothing happens. Only writes of DynamoDB can meet with it.
    InConflict,
    /// An error of the service's own, and nothing happened.
    Broken,
    /// An error of the service's own, and yet it happened.
    BrokenAfter,
    /// The connection is cut, and nothing happened.
    Cut,
    /// It happened, and the connection is cut.
    CutAfter,
    /// It happened, and the connection is cut in the midst of the answer.
    Torn,
    /// It happened, and the client gets its answer when it waits for none any more.
    Slow,
    /// It happens only when the client has given up.
    Late,
    /// It happened, and the answer can't be read.
    Garbage,
}

/// A request as it was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `DynamoDB_20120810.GetItem`, `TrentService.GenerateMac`, `Publish`, `POST /v2/email/outbound-emails`.
    pub operation: String,
    /// The partition keys in it, as DynamoDB has them.
    pub keys: Vec<String>,
    /// Who signed it: the access key's id.
    pub access_key: String,
    /// Its body.
    pub body: String,
    /// When it had come, and when it was answered or cut, since the proxy began.
    pub began: Duration,
    pub ended: Option<Duration>,
    /// The status of the answer that the client was given, and the size of its body.
    pub status: Option<u16>,
    pub answer_size: usize,
    /// What went wrong with it.
    pub fault: Option<Fault>,
    /// Whether the client gave up before it was answered.
    pub given_up: bool,
}

impl Seen {
    /// The operation without its service: `GetItem`.
    pub fn name(&self) -> &str {
        self.operation.rsplit('.').next().unwrap_or_default()
    }

    /// The fields of a form, as SNS is sent one.
    pub fn form(&self) -> BTreeMap<String, String> {
        let fields = self.body.split('&').filter_map(|field| field.split_once('='));
        fields.map(|(name, value)| (unescaped(name), unescaped(value))).collect()
    }
}

/// Which requests get into trouble.
struct Plan {
    fault: Fault,
    operation: &'static str,
    first: usize,
    count: usize,
}

/// What is done between a request that was applied and the loss of its answer.
type Meanwhile = Box<dyn FnOnce(&Seen) + Send>;

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    /// Requests since the plan was made, of the operation that it names.
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

/// A proxy, which ends when it is dropped.
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

    /// A proxy in front of nothing: only what is planned is answered.
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
                // What goes wrong with a connection is a client that went away.
                thread::spawn(move || drop(shared.serve(&client)));
            }
        });
        proxy
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on requests are counted from zero, and `first .. first + count` get into trouble.
    pub fn plan(&self, fault: Fault, first: usize, count: usize) {
        self.plan_for("", fault, first, count);
    }

    /// The same for one operation alone, by its name without the service: `UpdateItem`.
    pub fn plan_for(&self, operation: &'static str, fault: Fault, first: usize, count: usize) {
        let mut state = self.shared.lock();
        state.counted = 0;
        state.plan = Some(Plan { fault, operation, first, count });
    }

    /// From now on the service behind knows no token of a transaction, as DynamoDB after ten minutes.
    pub fn forget_tokens(&self) {
        self.shared.forgets_tokens.store(true, Ordering::SeqCst);
    }

    /// No more trouble. Says how many requests there were since the plan was made, of the operation that it named.
    pub fn heal(&self) -> usize {
        let mut state = self.shared.lock();
        state.plan = None;
        state.meanwhile.clear();
        state.counted
    }

    /// What is done when the next request was applied whose answer is lost. It may wait: it has a thread of its own.
    pub fn meanwhile(&self, meanwhile: impl FnOnce(&Seen) + Send + 'static) {
        self.shared.lock().meanwhile.push_back(Box::new(meanwhile));
    }

    /// What was seen since this was last called, in the order in which it came. Waits for what is not settled yet.
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
        // So that it looks.
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

    /// Writes a request down and looks what is planned for it.
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

    /// Answers a request as it is planned. `None` is no answer: the connection is to be cut.
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

    /// Has a request answered by the server behind.
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

    /// Does what is to be done between a request and the loss of its answer.
    fn meanwhile(&self, index: usize) {
        let mut state = self.lock();
        let Some(seen) = state.seen.get(index).cloned() else { return };
        let meanwhile = state.meanwhile.pop_front();
        drop(state);
        if let Some(meanwhile) = meanwhile {
            meanwhile(&seen);
        }
    }

    /// Waits until the client hangs up.
    fn wait_for_the_end(&self, index: usize, mut client: &TcpStream) -> io::Result<()> {
        client.set_read_timeout(Some(PATIENCE))?;
        // A client that still waits sends nothing.
        let is_over = !matches!(client.read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        if let Some(seen) = self.lock().seen.get_mut(index) {
            seen.given_up = is_over;
        }
        client.set_read_timeout(None)
    }
}
