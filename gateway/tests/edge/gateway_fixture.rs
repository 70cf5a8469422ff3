//! A gateway in a thread of its own, on a port of its own.

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

// Made for these tests with `openssl genpkey -algorithm ed25519` and used nowhere else.
const PRIVATE_KEY: &[u8] = include_bytes!("../keys/test-only-private.pem");
pub(crate) const PUBLIC_KEY_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/test-only-public.pem");

/// A running gateway; it lives as long as the test process.
pub(crate) struct GatewayFixture {
    door: SocketAddr,
    admin_door: SocketAddr,
}

impl GatewayFixture {
    /// With the default settings.
    pub(crate) fn open() -> Self {
        Self::with(|_| {})
    }

    /// With some of them changed. RateLimiter that would stop a process at its start, such as none in flight, are possible.
    pub(crate) fn with(change: impl FnOnce(&mut GatewaySettings)) -> Self {
        let mut settings =
            GatewaySettings { token_public_key_file: PUBLIC_KEY_FILE.into(), ..GatewaySettings::default() };
        change(&mut settings);
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(live(&settings, &tell));
        });
        let (door, admin_door) = told.recv().unwrap();
        Self { door, admin_door }
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Client {
        Client::to(self.door)
    }

    /// A new connection to the admin listener.
    pub(crate) fn connect_admin(&self) -> Client {
        Client::to(self.admin_door)
    }

    /// One request on a connection of its own.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Response {
        self.connect().ask(method, path, headers, body)
    }
}

/// Serves another answer than the gateway's, in a thread that lives as long as the test process.
pub(crate) fn serve_in_a_thread<S: Service>(answer: Arc<S>) -> SocketAddr {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(door.local_addr().unwrap()).unwrap();
            let patience = Duration::from_secs(10);
            serve(door, answer, ConnectionConfig::new(patience, patience), 8, Shutdown::default()).await;
        });
    });
    told.recv().unwrap()
}

async fn live(settings: &GatewaySettings, tell: &mpsc::Sender<(SocketAddr, SocketAddr)>) {
    // Nobody runs it, so it is never connected.
    let asker = Arc::new(RpcClient::new(Broker::new(&AmqpSettings::default(), "test").unwrap()));
    let requests = Arc::new(RequestMetrics::new());
    let gateway = Pipeline::open(settings, &TABLE, Arc::clone(&asker), Arc::clone(&requests), Shutdown::default());
    let gateway = Arc::new(gateway.unwrap());
    let info = Arc::new(identify("gateway", ProcessKind::Gateway, None));
    let admin = Arc::new(Health::new(asker, Shutdown::default(), requests, info, settings));
    let millis = Duration::from_millis;
    let terms = ConnectionConfig::new(millis(settings.header_timeout_ms), millis(settings.body_timeout_ms));
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let admin_door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    tell.send((door.local_addr().unwrap(), admin_door.local_addr().unwrap())).unwrap();
    tokio::join!(
        serve(door, gateway, terms.clone(), settings.connection_limit, Shutdown::default()),
        serve(admin_door, admin, terms, 64, Shutdown::default()),
    );
}

/// The header of a caller with a good access token.
pub(crate) fn authorization() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = serde_json::json!({"sub": "u-1", "iss": "users", "aud": "gateway", "exp": now + 600});
    let key = EncodingKey::from_ed_pem(PRIVATE_KEY).unwrap();
    format!("Authorization: Bearer {}", encode(&Header::new(Algorithm::EdDSA), &claims, &key).unwrap())
}
