//! Runs a worker process for one request pattern: what depends on the handler's types, and nothing else.
//!
//! The loop around it, in `server.rs`, knows no types: it is compiled once, not once for each worker.

use std::process::ExitCode;

use amqp::RequestMetadata;
use contracts::Request;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use runtime::{StartError, exit_code};
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::rpc::call::Call;
use crate::rpc::request_loop::{Handle, Pattern, Start};
use crate::settings::Dependencies;

/// Runs a worker process for the handler's pattern until it is told to stop.
pub async fn serve<R, D, H>(handler: H) -> ExitCode
where
    R: Request,
    D: Dependencies,
    H: AsyncFn(Call<R>, &D) -> Result<R::Reply, Failure>,
{
    exit_code(run(handler).await)
}

async fn run<R, D, H>(handler: H) -> Result<(), StartError>
where
    R: Request,
    D: Dependencies,
    H: AsyncFn(Call<R>, &D) -> Result<R::Reply, Failure>,
{
    let about = format!("Serves the requests of the pattern {}. Any number of copies share them.", R::PATTERN);
    let mut start = Start::read(Pattern { name: R::PATTERN, safe: R::SAFE }, &about, &[])?;
    let resources = D::open(&mut start.setup()).await?;
    let handler = Typed { handler, resources, message: std::marker::PhantomData };
    start.server(&handler, D::LOOKAHEAD)?.run().await
}

/// A handler with its resources, seen as one that takes text and gives text.
struct Typed<R, D, H> {
    handler: H,
    resources: D,
    message: std::marker::PhantomData<fn() -> R>,
}

impl<R, D, H> Handle for Typed<R, D, H>
where
    R: Request,
    H: AsyncFn(Call<R>, &D) -> Result<R::Reply, Failure>,
{
    fn handle<'a>(&'a self, data: &'a RawValue, meta: RequestMetadata) -> LocalBoxFuture<'a, Result<Vec<u8>, Failure>> {
        async move {
            let call = Call::new(R::decode(data)?, meta);
            let reply = (self.handler)(call, &self.resources).await?;
            amqp::encode_response(&reply).map_err(Failure::broken)
        }
        .boxed_local()
    }
}
