//! One HTTP request at a time, over TCP or a unix socket: to process-compose, and to the broker's management API.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// Longer than process-compose waits for a process to stop before it kills it.
const PATIENCE: Duration = Duration::from_secs(20);
/// Answers are some kilobytes for each process or queue.
const LARGEST: usize = 4 << 20;

/// Where a server is, and as whom we come.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    place: Place,
    authorization: Option<String>,
}

#[derive(Debug, Clone)]
enum Place {
    Tcp(String),
    Unix(PathBuf),
}

impl Api {
    /// Reads an address: `unix:/path`, or `http://host:port`, perhaps with a name and a password.
    pub(crate) fn at(address: &str) -> Option<Self> {
        if let Some(path) = address.strip_prefix("unix:") {
            return Some(Self { place: Place::Unix(path.into()), authorization: None });
        }
        let rest = address.strip_prefix("http://")?.trim_end_matches('/');
        let (user, host) = rest.rsplit_once('@').map_or((None, rest), |(user, host)| (Some(user), host));
        let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        Some(Self { place: Place::Tcp(host), authorization: user.map(basic) })
    }

    /// Comes as this user, unless the address has named one.
    pub(crate) fn or_as(self, name: &str, password: &str) -> Self {
        let authorization = self.authorization.or_else(|| Some(basic(&format!("{name}:{password}"))));
        Self { authorization, ..self }
    }

    /// Asks, and returns what a success says; the error is a sentence part.
    pub(crate) async fn call(&self, method: Method, path: &str) -> Result<Value, String> {
        let asking = async {
            match &self.place {
                Place::Tcp(host) => {
                    self.exchange(TcpStream::connect(host).await.map_err(text)?, host, method, path).await
                }
                Place::Unix(file) => {
                    self.exchange(UnixStream::connect(file).await.map_err(text)?, "localhost", method, path).await
                }
            }
        };
        timeout(PATIENCE, asking).await.map_err(|_| format!("no answer within {PATIENCE:?}"))?
    }

    async fn exchange(
        &self,
        wire: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        host: &str,
        method: Method,
        path: &str,
    ) -> Result<Value, String> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(wire)).await.map_err(text)?;
        let mut request = Request::builder().method(method).uri(path).header(HOST, host);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Empty::<Bytes>::new()).map_err(text)?;
        let answering = async {
            let answer = sender.send_request(request).await.map_err(text)?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), LARGEST).collect().await.map_err(text)?.to_bytes();
            if status.is_success() {
                Ok(serde_json::from_slice(&body).unwrap_or(Value::Null))
            } else {
                Err(format!("it answered {status}: {}", String::from_utf8_lossy(&body[..body.len().min(200)])))
            }
        };
        let connection = async {
            match connection.await {
                // The answer tells how it ended.
                Ok(()) => std::future::pending().await,
                Err(error) => Err(text(error)),
            }
        };
        tokio::select! { biased; answer = answering => answer, broken = connection => broken }
    }
}

fn basic(user: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(user))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_socket_or_a_host() {
        assert!(matches!(Api::at("unix:/a/b").unwrap().place, Place::Unix(path) if path.ends_with("a/b")));
        let api = Api::at("http://me:secret@127.0.0.1:15672/").unwrap().or_as("guest", "guest");
        assert!(matches!(&api.place, Place::Tcp(host) if host == "127.0.0.1:15672"));
        assert_eq!(api.authorization.unwrap(), basic("me:secret"));
        assert_eq!(Api::at("http://h").unwrap().or_as("a", "b").authorization.unwrap(), basic("a:b"));
        assert!(Api::at("https://h").is_none() && Api::at("h:80").is_none());
    }
}
