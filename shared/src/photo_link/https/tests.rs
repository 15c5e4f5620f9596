//! Photos fetched from a TLS server in this process, whose host name resolves as each test says.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use aws_smithy_http_client::tls::TrustStore;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::server::TlsStream;

use super::*;
use crate::photo_link::PhotoHosts;

const HOST: &str = "photos.example";

/// The address of the tests' server. It is the only one that tests allow beside the public ones.
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn is_server_or_public(address: IpAddr) -> bool {
    address == SERVER || is_public(address)
}

/// The link to this path of the host.
fn link(path: &str) -> PhotoLink {
    PhotoHosts::parse(HOST).unwrap().link(&format!("https://{HOST}{path}")).unwrap()
}

/// A resolver that gives each of these answers once, and then the last one again.
#[derive(Clone, Debug)]
struct Answers(Arc<Mutex<VecDeque<Vec<IpAddr>>>>, Arc<AtomicUsize>);

impl Answers {
    fn of(answers: &[&[&str]]) -> Self {
        let parsed = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        Self(Arc::new(Mutex::new(answers.iter().map(parsed).collect())), Arc::default())
    }

    fn asked(&self) -> usize {
        self.1.load(Ordering::SeqCst)
    }
}

impl ResolveDns for Answers {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        assert_eq!(name, HOST);
        self.1.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        DnsFuture::ready(Ok(answer.unwrap()))
    }
}

/// The conduct of a server after it has read a request.
#[derive(Clone)]
enum Conduct {
    /// It sends these bytes and closes the connection.
    Sends(Vec<u8>),
    /// It sends these bytes, and then nothing more.
    Stalls(Vec<u8>),
    /// It sends these bytes, and then a byte every 50 ms.
    Drips(Vec<u8>),
    /// It sends these bytes, and then a chunk of 64 KiB again and again.
    SendsForEver(Vec<u8>),
}

/// A TLS server that proves the name `HOST` by its own certificate.
struct Server {
    port: &'static str,
    certificate: String,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    /// The bytes of answers that were sent.
    sent: Arc<AtomicUsize>,
}

impl Server {
    async fn start(conduct: Conduct) -> Self {
        Self::named(HOST, conduct).await
    }

    async fn named(name: &str, conduct: Conduct) -> Self {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
        let listener = TcpListener::bind((SERVER, 0)).await.unwrap();
        let server = Self {
            port: format!(":{}", listener.local_addr().unwrap().port()).leak(),
            certificate: made.cert.pem(),
            requests: Arc::default(),
            connections: Arc::default(),
            sent: Arc::default(),
        };
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (requests, connections, sent) =
            (Arc::clone(&server.requests), Arc::clone(&server.connections), Arc::clone(&server.sent));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                // An error means that the client refuses the certificate or went away.
                let Ok(mut client) = acceptor.accept(client).await else { continue };
                let head = head(&mut client).await;
                requests.lock().unwrap().push(head);
                let _ = conduct.clone().follow(&mut client, &sent).await;
            }
        });
        server
    }

    /// Photos by link, with this server behind the addresses that the resolver gives.
    fn links(&self, resolver: Answers) -> HttpsPhotoLinks {
        let trust = TrustStore::empty().with_pem_certificate(self.certificate.clone());
        let tls = TlsContext::builder().with_trust_store(trust).build().unwrap();
        HttpsPhotoLinks::over(resolver, is_server_or_public, tls, self.port)
    }

    /// A fetch from this server.
    async fn fetch(&self) -> Result<Vec<u8>, LinkError> {
        self.links(Answers::of(&[&["127.0.0.1"]])).fetch(&link("/a")).await
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Reads a request's head.
async fn head(client: &mut TlsStream<TcpStream>) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

impl Conduct {
    async fn follow(self, client: &mut TlsStream<TcpStream>, sent: &AtomicUsize) -> io::Result<()> {
        let (Self::Sends(first) | Self::Stalls(first) | Self::Drips(first) | Self::SendsForEver(first)) = &self;
        client.write_all(first).await?;
        match self {
            Self::Sends(_) => client.shutdown().await,
            Self::Stalls(_) => std::future::pending().await,
            Self::Drips(_) => loop {
                client.write_all(b"a").await?;
                client.flush().await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
            },
            Self::SendsForEver(_) => {
                let chunk = [b"10000\r\n".to_vec(), vec![b'a'; 0x10000], b"\r\n".to_vec()].concat();
                loop {
                    client.write_all(&chunk).await?;
                    sent.fetch_add(0x10000, Ordering::SeqCst);
                }
            }
        }
    }
}

/// An answer with a true length.
fn answer(status: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

#[tokio::test]
async fn a_photo_is_fetched_with_its_path_and_query_and_nothing_of_the_caller_t36() {
    let server = Server::start(Conduct::Sends(answer("200 OK", b"picture"))).await;
    let resolver = Answers::of(&[&["127.0.0.1"]]);
    let links = server.links(resolver.clone());
    assert_eq!(links.fetch(&link("/u/1.jpg?sig=%2F+a")).await.unwrap(), b"picture");
    assert_eq!(resolver.asked(), 1);
    let requests = server.requests.lock().unwrap().clone();
    let mut head: Vec<_> = requests[0].trim_end().lines().collect();
    head[1..].sort_unstable();
    let host = format!("host: {HOST}{}", server.port);
    let expected =
        ["GET /u/1.jpg?sig=%2F+a HTTP/1.1", "accept: image/jpeg, image/png", &host, "user-agent: countersign"];
    assert_eq!((head.as_slice(), requests.len()), (&expected[..], 1));
}

#[tokio::test]
async fn a_host_with_an_address_that_is_not_public_is_not_connected_to_t36() {
    let server = Server::start(Conduct::Sends(answer("200 OK", b"secret"))).await;
    let table: [&[&str]; 9] = [
        &["169.254.169.254"],
        &["127.0.0.2"],
        &["10.0.0.1"],
        &["::1"],
        &["::ffff:169.254.169.254"],
        &["fd00:ec2::254"],
        // One that is allowed, and one that is not, in either order.
        &["127.0.0.1", "169.254.169.254"],
        &["10.0.0.1", "127.0.0.1"],
        &["127.0.0.1", "127.0.0.1", "fe80::1"],
    ];
    for addresses in table {
        let fetched = server.links(Answers::of(&[addresses])).fetch(&link("/a")).await;
        assert_eq!(fetched, Err(LinkError::NotPublic), "{addresses:?}");
    }
    // The check that is not the tests' own refuses the server, too.
    let trust = TrustStore::empty().with_pem_certificate(server.certificate.clone());
    let tls = TlsContext::builder().with_trust_store(trust).build().unwrap();
    let links = HttpsPhotoLinks::over(Answers::of(&[&["127.0.0.1"]]), is_public, tls, server.port);
    assert_eq!(links.fetch(&link("/a")).await, Err(LinkError::NotPublic));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn the_real_fetcher_refuses_a_name_of_this_machine_t36() {
    let localhost = PhotoLink { host: "localhost".to_owned(), path: "/".to_owned() };
    assert_eq!(HttpsPhotoLinks::new().fetch(&localhost).await, Err(LinkError::NotPublic));
}

#[tokio::test]
async fn the_addresses_that_were_checked_are_those_that_are_used_t36() {
    // It keeps the connection open, and would answer on it no second time.
    let server = Server::start(Conduct::Stalls(answer("200 OK", b"picture"))).await;
    // A second question would be answered with the metadata service.
    let resolver = Answers::of(&[&["127.0.0.1"], &["169.254.169.254"]]);
    let links = server.links(resolver.clone());
    assert_eq!(links.fetch(&link("/a")).await.unwrap(), b"picture");
    assert_eq!((resolver.asked(), server.connections()), (1, 1));
    // The next fetch resolves again, and its answer counts.
    assert_eq!(links.fetch(&link("/a")).await, Err(LinkError::NotPublic));
    assert_eq!((resolver.asked(), server.connections()), (2, 1));
}

#[tokio::test]
async fn a_host_without_addresses_gives_no_answer_t36() {
    let server = Server::start(Conduct::Sends(answer("200 OK", b"picture"))).await;
    assert_eq!(server.links(Answers::of(&[&[]])).fetch(&link("/a")).await, Err(LinkError::NoAnswer));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn no_redirect_is_followed_and_only_200_is_a_photo_t36() {
    for status in [201, 204, 206, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 418, 500, 503] {
        let redirect =
            format!("HTTP/1.1 {status} S\r\nlocation: /b\r\nrefresh: 0; url=/b\r\ncontent-length: 0\r\n\r\n");
        let server = Server::start(Conduct::Sends(redirect.into_bytes())).await;
        assert_eq!(server.fetch().await, Err(LinkError::Status(status)));
        assert_eq!(server.requests.lock().unwrap().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_photo_has_a_greatest_size_t36() {
    let most = vec![b'a'; MOST_PHOTO_BYTES];
    let server = Server::start(Conduct::Sends(answer("200 OK", &most))).await;
    assert_eq!(server.fetch().await.unwrap().len(), MOST_PHOTO_BYTES);
    let server = Server::start(Conduct::Sends(answer("200 OK", &[most, vec![b'a']].concat()))).await;
    assert_eq!(server.fetch().await, Err(LinkError::TooLarge));
}

#[tokio::test]
async fn a_body_without_end_is_read_no_further_than_the_greatest_size_t36() {
    for header in ["transfer-encoding: chunked", "x-no-length: 1"] {
        let head = format!("HTTP/1.1 200 OK\r\n{header}\r\n\r\n");
        let server = Server::start(Conduct::SendsForEver(head.into_bytes())).await;
        let began = Instant::now();
        assert_eq!(server.fetch().await, Err(LinkError::TooLarge), "{header}");
        assert!(began.elapsed() < FETCH_WITHIN, "{header}");
        // The rest is in buffers of the two sockets.
        let sent = server.sent.load(Ordering::SeqCst);
        assert!(sent < MOST_PHOTO_BYTES + 12 * 1024 * 1024, "{header}: {sent}");
    }
}

#[tokio::test]
async fn a_false_length_is_not_believed_t36() {
    let short = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\nshort".to_vec();
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nshort".to_vec();
    let large = b"HTTP/1.1 200 OK\r\ncontent-length: 4000000000\r\n\r\nshort".to_vec();
    let torn = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nshort".to_vec();
    let nonsense = b"\x16\x03\x01 nonsense\r\n\r\n".to_vec();
    for bytes in [short, cut, large, torn, nonsense, Vec::new()] {
        let server = Server::start(Conduct::Sends(bytes.clone())).await;
        assert_eq!(server.fetch().await, Err(LinkError::NoAnswer), "{}", bytes.escape_ascii());
    }
}

#[tokio::test]
async fn a_server_that_stalls_is_left_after_the_time_for_all_of_it_t36() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf".to_vec();
    let conducts = [
        Conduct::Stalls(Vec::new()),
        Conduct::Stalls(b"HTTP/1.1 200 OK\r\nx-half".to_vec()),
        Conduct::Stalls(half.clone()),
        Conduct::Drips(half),
        Conduct::Drips(b"HTTP/1.1 200 OK\r\nx-half: ".to_vec()),
    ];
    let mut cases = JoinSet::new();
    for (index, conduct) in conducts.into_iter().enumerate() {
        cases.spawn(async move {
            let (server, began) = (Server::start(conduct).await, Instant::now());
            assert_eq!(server.fetch().await, Err(LinkError::NoAnswer), "{index}");
            assert!((3..5).contains(&began.elapsed().as_secs()), "{index}: {:?}", began.elapsed());
        });
    }
    // A server that does not even begin with TLS, and a resolver that never answers.
    cases.spawn(async {
        let server = Server::start(Conduct::Stalls(Vec::new())).await;
        let mute = TcpListener::bind((SERVER, 0)).await.unwrap();
        let port = format!(":{}", mute.local_addr().unwrap().port()).leak();
        let began = Instant::now();
        assert_eq!(Server { port, ..server }.fetch().await, Err(LinkError::NoAnswer));
        assert!((3..5).contains(&began.elapsed().as_secs()));
    });
    cases.spawn(async {
        #[derive(Clone, Debug)]
        struct Never;
        impl ResolveDns for Never {
            fn resolve_dns<'a>(&'a self, _: &'a str) -> DnsFuture<'a> {
                DnsFuture::new(std::future::pending())
            }
        }
        let tls = TlsContext::builder().with_trust_store(TrustStore::empty()).build().unwrap();
        let began = Instant::now();
        let links = HttpsPhotoLinks::over(Never, is_public, tls, "");
        assert_eq!(links.fetch(&link("/a")).await, Err(LinkError::NoAnswer));
        assert!((3..5).contains(&began.elapsed().as_secs()));
    });
    while let Some(case) = cases.join_next().await {
        case.unwrap();
    }
}

#[tokio::test]
async fn a_server_must_prove_the_name_of_the_host_t36() {
    let picture = Conduct::Sends(answer("200 OK", b"picture"));
    // A certificate for another name.
    let other = Server::named("other.example", picture.clone()).await;
    assert_eq!(other.fetch().await, Err(LinkError::NoAnswer));
    // A certificate that nobody trusts.
    let (server, trusted) = (Server::start(picture.clone()).await, Server::start(picture).await);
    let untrusted = Server { certificate: trusted.certificate, ..server };
    assert_eq!(untrusted.fetch().await, Err(LinkError::NoAnswer));
    assert!(other.requests.lock().unwrap().is_empty() && untrusted.requests.lock().unwrap().is_empty());
    assert_eq!((other.connections(), untrusted.connections()), (1, 1));
}
