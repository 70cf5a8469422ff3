//! Connects to the broker within a time limit.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use lapin::options::ConfirmSelectOptions;
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties, Event};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::address::{self, Node};
use crate::transport;
use crate::transport::frame_filter::Limits;

/// Limits connecting, including the handshake: lapin waits for ever for a peer that accepts and stays silent.
const CONNECT: Duration = Duration::from_secs(5);
/// Limits a publish, an acknowledgement, a declaration or a close, which would hang while the broker is blocked.
pub(crate) const OPERATION: Duration = Duration::from_secs(3);

/// The largest message that a process accepts. The header table must fit into one of our frames, together with the
/// other properties (fourteen, of at most 255 bytes) and the failure headers. The gateway takes bodies of at most 64
/// KiB from its clients, and a page of the longest orders is well below a mebibyte.
const LIMITS: Limits = Limits { table: 7 * 1024, body: LARGEST_MESSAGE };
/// The largest body that a process accepts, in bytes.
pub const LARGEST_MESSAGE: u64 = 1024 * 1024;
/// The largest message that the operator's tool accepts. It must not change the messages that it moves, so these are the
/// broker's own limits: its largest frame, and the largest body since RabbitMQ 4.0.
const WHOLE: Limits = Limits { table: 120 * 1024, body: 16 * 1024 * 1024 };
/// RabbitMQ's default for the largest frame.
const BROKERS_FRAME_MAX: u32 = 131_072;

/// Settings of the broker.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AmqpSettings {
    /// The broker's address: `amqp://user:password@host:5672/vhost` (`%2f` is the default vhost), or `amqps://…:5671/…`
    /// for TLS. With TLS, `?cacertfile=` names a PEM file of certificate authorities that are trusted in addition to
    /// the machine's. Several nodes of a cluster are separated by commas; they are tried in random order.
    pub url: String,
    /// The address of the broker's management API, through which `signalbox` sets policies and the scaler reads
    /// counters: `http://host:15672`. They sign in as the user of `AMQP_URL`, unless this names another:
    /// `https://user:password@host:15671`.
    pub management_url: String,
}

impl Default for AmqpSettings {
    fn default() -> Self {
        Self { url: "amqp://guest:guest@127.0.0.1:5672/%2f".into(), management_url: String::new() }
    }
}

/// Why the broker could not be used. Ends the session in which it happened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The broker, or lapin, reported an error.
    #[error("broker: {0}")]
    Amqp(#[from] lapin::Error),
    /// The broker did not answer in time.
    #[error("the broker did not answer within {0:?}")]
    Silent(Duration),
    /// The broker cancelled our consumer: its queue was deleted, or the connection is gone.
    #[error("the broker ended the consumer")]
    ConsumerEnded,
    /// The broker did not accept a message.
    #[error("the broker did not accept a message: {0}")]
    Refused(&'static str),
    /// We read so slowly that the broker dropped messages.
    #[error("messages were dropped, because this process did not read them in time")]
    FellBehind,
}

impl Error {
    /// Whether the broker stayed silent for too long.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Silent(_))
    }

    /// Whether the broker refused with this reply code (AMQP 0-9-1, section 1.2).
    pub(crate) fn is_refusal(&self, code: u16) -> bool {
        let Self::Amqp(error) = self else { return false };
        matches!(error.kind(), lapin::ErrorKind::ProtocolError(refusal) if refusal.get_id() == code)
    }
}

/// Limits an operation on the broker to [`OPERATION`].
pub(crate) async fn in_time<T>(operation: impl Future<Output = lapin::Result<T>>) -> Result<T, Error> {
    Ok(timeout(OPERATION, operation).await.map_err(|_| Error::Silent(OPERATION))??)
}

/// Hands frames to lapin without waiting until they are written, which would cost two thread switches for each message.
/// An error means that lapin knew of a broken connection and sent nothing. A connection that breaks later shows in the
/// consumer. The number of frames in flight bounds what can pile up.
pub(crate) fn send<T>(operation: impl Future<Output = lapin::Result<T>>) -> lapin::Result<()> {
    operation.now_or_never().map_or(Ok(()), |sent| sent.map(drop))
}

/// The broker's address and credentials.
#[derive(Clone)]
pub struct Broker {
    /// The nodes; at least one. They have the same account and vhost.
    nodes: Vec<Node>,
    process: String,
    limits: Limits,
}

impl Broker {
    /// Parses the address. The error continues a sentence and does not quote the address, which contains a password.
    pub fn new(settings: &AmqpSettings, process: &str) -> Result<Self, String> {
        Ok(Self { nodes: address::parse(&settings.url)?, process: process.into(), limits: LIMITS })
    }

    /// The same broker, with limits that leave messages unchanged.
    pub(crate) fn for_whole_messages(&self) -> Self {
        let mut whole = self.clone();
        for node in &mut whole.nodes {
            node.uri.query.frame_max = Some(BROKERS_FRAME_MAX);
        }
        Self { limits: WHOLE, ..whole }
    }

    /// The vhost.
    pub fn vhost(&self) -> &str {
        &self.uri().vhost
    }

    /// The name of this process.
    pub(crate) fn process(&self) -> &str {
        &self.process
    }

    /// The user and the password.
    pub fn user(&self) -> (&str, &str) {
        let userinfo = &self.uri().authority.userinfo;
        (&userinfo.username, &userinfo.password)
    }

    /// The address without the password, for messages.
    pub fn address(&self) -> String {
        let places: Vec<String> = self.nodes.iter().map(Node::place).collect();
        format!("{} (vhost {}, user {})", places.join(", "), self.vhost(), self.user().0)
    }

    /// The address of any node, for what all have in common.
    fn uri(&self) -> &AMQPUri {
        &self.nodes[0].uri
    }

    /// Connects to any node, in random order; `role` names this connection in the management UI.
    pub(crate) async fn connect(&self, role: &str) -> Result<BrokerConnection, Error> {
        let mut nodes = address::shuffled(&self.nodes).into_iter().peekable();
        loop {
            let node = nodes.next().expect("there is at least one, and the last one's outcome is returned");
            match self.connect_to(node, role).await {
                Err(error) if nodes.peek().is_some() => {
                    tracing::warn!(node = node.place(), error = %error, "cannot reach a node of the broker; trying another");
                }
                outcome => return outcome,
            }
        }
    }

    async fn connect_to(&self, node: &Node, role: &str) -> Result<BrokerConnection, Error> {
        let name = format!("{} {role}", self.process);
        // Never with auto-recovery: after a channel error it leaves consumers that hang for ever.
        let properties = ConnectionProperties::default()
            .with_connection_name(name.into())
            .with_client_property("product".into(), "Signal box".into())
            .with_client_property("version".into(), env!("CARGO_PKG_VERSION").into());
        let connecting = transport::connect(node.uri.clone(), properties, node.authorities.clone(), self.limits);
        let connection = timeout(CONNECT, connecting).await.map_err(|_| Error::Silent(CONNECT))??;
        Ok(BrokerConnection { connection: Arc::new(connection) })
    }

    /// Connects and opens a channel with publisher confirms.
    pub(crate) async fn connect_confirming(&self, role: &str) -> Result<(BrokerConnection, Channel), Error> {
        let connection = self.connect(role).await?;
        let channel = connection.channel().await?;
        in_time(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        Ok((connection, channel))
    }
}

/// An open connection, shared by its users.
#[derive(Clone)]
pub(crate) struct BrokerConnection {
    connection: Arc<Connection>,
}

impl BrokerConnection {
    pub(crate) async fn channel(&self) -> Result<Channel, Error> {
        in_time(self.connection.create_channel()).await
    }

    /// Reports each change between open (`false`) and blocked (`true`). A broken connection shows elsewhere: these
    /// events also report channels that were closed normally.
    pub(crate) fn blocked(&self) -> BoxStream<'static, bool> {
        let change = |event| {
            ready(match event {
                Event::ConnectionBlocked(_) => Some(true),
                Event::ConnectionUnblocked => Some(false),
                _ => None,
            })
        };
        self.connection.events_listener().filter_map(change).boxed()
    }

    /// Closes the connection properly, within the limit of an operation.
    pub(crate) async fn close(&self) {
        let closing = async {
            // Dropped channels are closed in the background, and lapin takes a connection that closes before that for broken.
            // A round trip first makes sure that they are all closed.
            if let Ok(last) = self.connection.create_channel().await {
                let _ = last.close(200, "stopping".into()).await;
            }
            // An error means that the connection is closed already.
            let _ = self.connection.close(200, "stopping".into()).await;
        };
        let _ = timeout(OPERATION, closing).await;
    }
}
