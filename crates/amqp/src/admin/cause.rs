//! What most likely stands behind an error, for a person who is to mend it.

use std::io;

use lapin::ErrorKind;

use crate::connection::Error;

/// Reply codes of AMQP 0-9-1, section 1.2.
const ACCESS_REFUSED: u16 = 403;
const NOT_ALLOWED: u16 = 530;

/// Why a broker could not be used, as far as the error tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Nothing listens at the address.
    NobodyListens,
    /// The host's name is not known.
    UnknownHost,
    /// Something does not answer.
    Silent,
    /// The broker does not know the user, or not by this password.
    Credentials,
    /// There is no such vhost, or it is not this user's.
    Vhost,
    /// The user may not do what was tried.
    Denied,
    /// What listens there is no broker, or speaks TLS where it was not expected.
    NoBroker,
}

impl Cause {
    /// Of an error.
    pub fn of(error: &Error) -> Option<Self> {
        match error {
            Error::Silent(_) => Some(Self::Silent),
            Error::Amqp(error) => match error.kind() {
                ErrorKind::IOError(error) => Self::of_io(error),
                ErrorKind::ProtocolError(refusal) => match refusal.get_id() {
                    ACCESS_REFUSED if refusal.get_message().as_str().contains("Login was refused") => {
                        Some(Self::Credentials)
                    }
                    ACCESS_REFUSED => Some(Self::Denied),
                    NOT_ALLOWED => Some(Self::Vhost),
                    _ => None,
                },
                ErrorKind::ParsingError(_) | ErrorKind::InvalidProtocolVersion(_) => Some(Self::NoBroker),
                _ => None,
            },
            _ => None,
        }
    }

    fn of_io(error: &io::Error) -> Option<Self> {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Some(Self::NobodyListens),
            io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                Some(Self::Silent)
            }
            io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof => {
                Some(Self::NoBroker)
            }
            _ if error.to_string().contains("lookup") => Some(Self::UnknownHost),
            _ => None,
        }
    }

    /// Whether the broker is there and says no to this user.
    pub fn is_refusal(self) -> bool {
        matches!(self, Self::Credentials | Self::Vhost | Self::Denied)
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NobodyListens => "nothing listens there: is the broker running, and the port right?",
            Self::UnknownHost => "no such host is known: is its name right?",
            Self::Silent => "nothing answers there: is the host right, and does a firewall let this through?",
            Self::Credentials => "is the user right, and the password?",
            Self::Vhost => "does the vhost exist, and may this user use it?",
            Self::Denied => "this user lacks a right that it takes: come as an administrator",
            Self::NoBroker => "is it a RabbitMQ, and is TLS (amqps://) right there?",
        })
    }
}
