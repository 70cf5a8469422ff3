//! Starts a gateway in its own thread, on its own port.

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use amqp::{AmqpSettings, Broker, RpcClient, identify};
use contracts::control::ProcessKind;
use gateway::routing::table::TABLE;
use gateway::{ConnectionConfig, GatewaySettings, Health, Pipeline, RequestMetrics, Service, serve};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use runtime::Shutdown;
use tokio::net::TcpListener;

use crate::client::{Client, Response};

// Created for these tests with `openssl genpkey -algorithm ed25519` and used nowhere else.
const PRIVATE_KEY: &[u8] = include_bytes!("../keys/test-only-private.pem");
pub(crate) const PUBLIC_KEY_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/test-only-public.pem");

/// A running gateway; it lives as long as the test process.
pub(crate) struct GatewayFixture {
    address: SocketAddr,
    admin_address: SocketAddr,
}

impl GatewayFixture {
    /// With the default settings.
    pub(crate) fn open() -> Self {
        Self::with(|_| {})
    }

    /// With some of them changed. Values that the process would refuse at its start, such as 0 in flight, are possible.
    pub(crate) fn with(change: impl FnOnce(&mut GatewaySettings)) -> Self {
        let mut settings =
            GatewaySettings { token_public_key_file: PUBLIC_KEY_FILE.into(), ..GatewaySettings::default() };
        change(&mut settings);
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(live(&settings, &sender));
        });
        let (address, admin_address) = receiver.recv().unwrap();
        Self { address, admin_address }
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Client {
        Client::to(self.address)
    }

    /// A new connection to the admin listener.
    pub(crate) fn connect_admin(&self) -> Client {
        Client::to(self.admin_address)
    }

    /// Sends one request on a new connection.
    pub(crate) fn request(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Response {
        self.connect().request(method, path, headers, body)
    }
}

/// Serves `answer` instead of the gateway, in a thread that lives as long as the test process.
pub(crate) fn serve_in_a_thread<S: Service>(answer: Arc<S>) -> SocketAddr {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            let timeout = Duration::from_secs(10);
            serve(listener, answer, ConnectionConfig::new(timeout, timeout), 8, Shutdown::default()).await;
        });
    });
    receiver.recv().unwrap()
}

async fn live(settings: &GatewaySettings, sender: &mpsc::Sender<(SocketAddr, SocketAddr)>) {
    // It is never run, so it never connects.
    let rpc = Arc::new(RpcClient::new(Broker::new(&AmqpSettings::default(), "test").unwrap()));
    let requests = Arc::new(RequestMetrics::new());
    let gateway = Pipeline::open(settings, &TABLE, Arc::clone(&rpc), Arc::clone(&requests), Shutdown::default());
    let gateway = Arc::new(gateway.unwrap());
    let info = Arc::new(identify("gateway", ProcessKind::Gateway, None));
    let admin = Arc::new(Health::new(rpc, Shutdown::default(), requests, info, settings));
    let millis = Duration::from_millis;
    let config = ConnectionConfig::new(millis(settings.header_timeout_ms), millis(settings.body_timeout_ms));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let admin_listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    sender.send((listener.local_addr().unwrap(), admin_listener.local_addr().unwrap())).unwrap();
    tokio::join!(
        serve(listener, gateway, config.clone(), settings.connection_limit, Shutdown::default()),
        serve(admin_listener, admin, config, 64, Shutdown::default()),
    );
}

/// An `Authorization` header with a valid access token.
pub(crate) fn authorization() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = serde_json::json!({"sub": "u-1", "iss": "users", "aud": "gateway", "exp": now + 600});
    let key = EncodingKey::from_ed_pem(PRIVATE_KEY).unwrap();
    format!("Authorization: Bearer {}", encode(&Header::new(Algorithm::EdDSA), &claims, &key).unwrap())
}
