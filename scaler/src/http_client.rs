//! A small HTTP client for process-compose: one request at a time, over a unix socket or TCP.

use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// Longer than process-compose waits for a process to stop before it kills it.
const TIMEOUT: Duration = Duration::from_secs(20);
/// A response holds some kilobytes for each process.
const LARGEST: usize = 4 << 20;

/// A client of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HttpClient {
    /// Host and port.
    Tcp(String),
    /// The path of a socket.
    Unix(PathBuf),
}

impl HttpClient {
    /// Parses an address: `unix:/path` or `http://host:port`. `None` if it cannot be used.
    pub(crate) fn new(address: &str) -> Option<Self> {
        if let Some(path) = address.strip_prefix("unix:") {
            return Some(Self::Unix(path.into()));
        }
        let host = address.strip_prefix("http://")?.trim_end_matches('/');
        let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        Some(Self::Tcp(host))
    }

    /// Sends a request and returns the body of a success; the error is a sentence part.
    pub(crate) async fn call(&self, method: Method, path: &str) -> Result<Value, String> {
        let call = async {
            match self {
                Self::Tcp(host) => exchange(TcpStream::connect(host).await.map_err(text)?, host, method, path).await,
                Self::Unix(file) => {
                    exchange(UnixStream::connect(file).await.map_err(text)?, "localhost", method, path).await
                }
            }
        };
        timeout(TIMEOUT, call).await.map_err(|_| format!("no response within {TIMEOUT:?}"))?
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    host: &str,
    method: Method,
    path: &str,
) -> Result<Value, String> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
    let request = Request::builder().method(method).uri(path).header(HOST, host).body(Empty::<Bytes>::new());
    let request = request.map_err(text)?;
    let response = async {
        let response = sender.send_request(request).await.map_err(text)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LARGEST).collect().await.map_err(text)?.to_bytes();
        if status.is_success() {
            Ok(serde_json::from_slice(&body).unwrap_or(Value::Null))
        } else {
            Err(format!("it answered {status}: {}", String::from_utf8_lossy(&body[..body.len().min(200)])))
        }
    };
    let connection = async {
        match connection.await {
            // The response shows how it ended.
            Ok(()) => std::future::pending().await,
            Err(error) => Err(text(error)),
        }
    };
    tokio::select! { biased; response = response => response, broken = connection => broken }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_socket_or_a_host() {
        assert_eq!(HttpClient::new("unix:/a/b"), Some(HttpClient::Unix("/a/b".into())));
        assert_eq!(HttpClient::new("http://127.0.0.1:8080/"), Some(HttpClient::Tcp("127.0.0.1:8080".into())));
        assert_eq!(HttpClient::new("http://h"), Some(HttpClient::Tcp("h:80".into())));
        assert_eq!((HttpClient::new("https://h"), HttpClient::new("h:80")), (None, None));
    }
}
