//! Numbers and names of AMQP 0-9-1 and of RabbitMQ.

/// Delivery mode of messages that the broker may forget.
pub const TRANSIENT: u8 = 1;
/// Delivery mode of messages that the broker writes to disk.
pub const PERSISTENT: u8 = 2;

/// Where replies go without a queue: see RabbitMQ's direct reply-to.
pub(crate) const DIRECT_REPLY_TO: &str = "amq.rabbitmq.reply-to";

// Reply codes of AMQP 0-9-1, section 1.2.
pub(crate) const REPLY_SUCCESS: u16 = 200;
pub(crate) const ACCESS_REFUSED: u16 = 403;
pub(crate) const NOT_FOUND: u16 = 404;
pub(crate) const RESOURCE_LOCKED: u16 = 405;
pub(crate) const PRECONDITION_FAILED: u16 = 406;
pub(crate) const NOT_ALLOWED: u16 = 530;
