//! The most likely cause of an error, for the person who will fix it.

use std::io;

use lapin::ErrorKind;

use crate::connection::Error;
use crate::protocol::{ACCESS_REFUSED, NOT_ALLOWED};

/// Why a broker could not be used, as far as the error says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Nothing listens at the address.
    NobodyListens,
    /// The host name is unknown.
    UnknownHost,
    /// There is no answer.
    Silent,
    /// The broker does not know the user, or the password is wrong.
    Credentials,
    /// The vhost does not exist, or the user may not use it.
    Vhost,
    /// The user lacks a permission.
    Denied,
    /// What listens there is not a broker, or it expects TLS.
    NoBroker,
}

impl Cause {
    /// The cause of an error.
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

    /// Whether the broker is there and refuses this user.
    pub fn is_refusal(self) -> bool {
        matches!(self, Self::Credentials | Self::Vhost | Self::Denied)
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NobodyListens => "nothing listens there: is the broker running, and is the port right?",
            Self::UnknownHost => "the host name is unknown: is it spelled right?",
            Self::Silent => "nothing answers there: is the host right, and does a firewall let this through?",
            Self::Credentials => "the broker refused the user name or the password",
            Self::Vhost => "does the vhost exist, and may this user access it?",
            Self::Denied => "this user lacks a permission: connect as an administrator",
            Self::NoBroker => "is this a RabbitMQ server, and does the port expect TLS (amqps://)?",
        })
    }
}
