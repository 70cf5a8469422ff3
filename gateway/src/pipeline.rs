//! The pipeline of a request: the steps that it passes, in order, and the endpoint that responds.
//!
//! [`Pipeline::run`] is the list. A step either passes the request on or rejects it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use amqp::rpc::client::Answer;
use amqp::trace::{ActiveSpan, SpanDetails};
use amqp::{Broker, Deadline, RequestMetadata, RpcClient, RpcError};
use contracts::Code;
use contracts::telemetry::SpanKind;
use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HOST, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, Version};
use matchit::Params;
use runtime::{SettingError, Shutdown};
use serde_json::value::RawValue;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::auth::Auth;
use crate::auth::caller::Caller;
use crate::endpoints::builtin::BuiltinContext;
use crate::endpoints::event_stream::{EventStreams, Missed};
use crate::endpoints::rpc::history::Inbox;
use crate::endpoints::rpc::reply_shape::ReplyShapes;
use crate::endpoints::rpc::{history, request, response};
use crate::endpoints::{builtin, event_stream};
use crate::http::access_log::{AccessLogEntry, known_method};
use crate::http::client_ip::{Peer, Proxies};
use crate::http::cors::Cors;
use crate::http::problem::HttpError;
use crate::http::request_body::{Bounds, RequestBody, Rest};
use crate::http::request_headers::{RequestId, Trace, X_REQUEST_ID, baggage, idempotency_key, only};
use crate::http::response_body::Body;
use crate::http::sampler::Sampler;
use crate::http::security_headers::add_security_headers;
use crate::http::service::Service;
use crate::metrics::requests::{CompletedRequest, RequestMetrics};
use crate::overload::{Permit, Refusal};
use crate::rate_limit::response_headers::Rate;
use crate::rate_limit::{Attempt, RateLimiter};
use crate::routing::route::{Builtin, Route, Rpc, Source, Success, Work};
use crate::routing::router::{Router, Row};
use crate::settings::GatewaySettings;

/// Everything that handling a request needs.
pub struct Pipeline {
    router: Router,
    auth: Arc<Auth>,
    cors: Cors,
    rpc: Arc<RpcClient>,
    reply_shapes: ReplyShapes,
    event_streams: EventStreams,
    rate_limiter: RateLimiter,
    metrics: Arc<RequestMetrics>,
    proxies: Proxies,
    body_bounds: Bounds,
    public_system: bool,
    /// The retry delays of events, which are part of queue names.
    retry_delays_ms: Vec<u32>,
    /// How long listeners keep their inbox entries.
    inbox_kept: Duration,
    /// Unread request bodies that are being discarded.
    discarding: TaskTracker,
    /// From a request's last byte to its response.
    request_timeout: Duration,
    sampler: Sampler,
}

/// The client address of a request without a connection, which exists only in tests.
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// A request without its body, and its ids.
struct RequestInfo {
    head: Parts,
    message_id: Uuid,
    request_id: RequestId,
    client: IpAddr,
    /// The path prefix that a proxy in front of the gateway has removed.
    prefix: String,
    /// Its trace.
    trace: Trace,
    /// Its span, if the trace is sampled.
    span: Option<ActiveSpan>,
}

/// A request in the pipeline, with what the steps leave for the response and the log.
struct Context<'a> {
    request: &'a RequestInfo,
    body: RequestBody,
    /// The row that serves it.
    route: Option<&'static Route>,
    /// The state of the client's rate limit.
    rate: Option<Rate>,
}

/// A call to the workers of a pattern.
struct Call<'a> {
    row: &'a Row,
    rpc: Rpc,
    input: Box<RawValue>,
    metadata: RequestMetadata,
}

impl Pipeline {
    /// Prepares a table of routes by the settings.
    pub fn open(
        settings: &GatewaySettings,
        table: &'static [Route],
        rpc: Arc<RpcClient>,
        metrics: Arc<RequestMetrics>,
        stop: Shutdown,
    ) -> Result<Self, SettingError> {
        Ok(Self {
            event_streams: EventStreams::new(&settings.event_streams(), Arc::clone(&rpc), stop),
            router: Router::new(table, &settings.pattern_limits(), metrics.overload())
                .expect("a test builds this router"),
            auth: Arc::new(Auth::open(&settings.auth())?),
            cors: Cors::new(settings.origins().unwrap_or_default()),
            rpc,
            metrics,
            reply_shapes: ReplyShapes::published().expect("a test reads the document"),
            rate_limiter: RateLimiter::new(settings.limits),
            proxies: settings.proxies().unwrap_or_default(),
            discarding: TaskTracker::new(),
            body_bounds: Bounds { size: settings.body_limit_bytes, time: settings.body_timeout() },
            public_system: settings.public_system,
            retry_delays_ms: settings.retry_delays_ms.clone(),
            inbox_kept: Duration::from_hours(settings.inbox_h.into()),
            request_timeout: settings.request_timeout(),
            sampler: Sampler::new(settings.trace_one_in),
        })
    }

    /// Delivers events to the event streams until a stop is requested.
    pub async fn run_event_streams(&self, broker: &Broker) {
        self.event_streams.run(broker).await;
    }

    /// Keeps the keys for access tokens current. Never returns.
    pub async fn keep_keys_current(&self) {
        self.auth.run().await;
    }

    /// The steps of a request, in order. The cheapest come first, and a request that is rejected reaches no worker.
    async fn run(&self, context: &mut Context<'_>) -> Result<Response<Body>, HttpError> {
        let request = context.request;
        check_host(request)?;
        context.body.check(&request.head.headers)?;
        let (routes, params) = self.router.find(request.head.uri.path())?;
        if request.head.method == Method::OPTIONS {
            return Ok(self.cors.options(&request.head.headers, &routes.allow));
        }
        let row = routes.row(request.head.method.as_str())?;
        context.route = Some(row.route);
        self.check_rate(row.route, context)?;
        let caller = self.authenticate(row.route, request).await?;
        let rpc = match row.route.work {
            Work::Rpc(rpc) => rpc,
            Work::Builtin(builtin) => return self.respond_builtin(row, builtin, request).await,
        };
        let idempotency_key = if row.route.keyed { idempotency_key(&request.head.headers)? } else { None };
        let input = read_input(row.route, &params, context).await?;
        let account = (rpc.decode)(&input, caller.as_ref().map(|caller| caller.id.as_str()))?;
        let permit = self.admit(row)?;
        let attempt = self.begin_attempt(row.route, account.as_deref(), context)?;
        let metadata = self.metadata(request, caller.as_ref(), idempotency_key);
        let call = Call { row, rpc, input, metadata };
        match (row.route.success, caller) {
            (Success::EventStream, Some(caller)) => self.open_stream(call, caller, request).await,
            _ => self.call_worker(call, permit, attempt, request).await,
        }
    }

    /// Admits a request to the workers of its pattern.
    fn admit<'r>(&self, row: &'r Row) -> Result<Permit<'r>, HttpError> {
        let refused = |refusal| {
            if refusal == Refusal::CircuitOpen {
                self.metrics.count_refused("circuit_open");
            }
            HttpError::from(refusal)
        };
        row.admit().map_err(refused)
    }

    /// Applies the rate limit of the route.
    fn check_rate(&self, route: &Route, context: &mut Context<'_>) -> Result<(), HttpError> {
        let checked = route.limit.and_then(|limit| self.rate_limiter.check(limit, context.request.client));
        let Some(Ok(rate) | Err(rate)) = checked else { return Ok(()) };
        context.rate = Some(rate);
        match rate.wait {
            Some(wait) => Err(HttpError::too_many("Too many requests of this kind from your address. Wait.", wait)),
            None => Ok(()),
        }
    }

    /// Authenticates the caller if the route needs one.
    async fn authenticate(&self, route: &Route, request: &RequestInfo) -> Result<Option<Caller>, HttpError> {
        let guarded = route.guarded || (route.is_public_by_setting() && !self.public_system);
        if guarded { self.auth.caller(&request.head.headers).await.map(Some) } else { Ok(None) }
    }

    /// Counts a password attempt as failed until its outcome is known, and rejects it if too many have failed.
    fn begin_attempt(
        &self,
        route: &Route,
        account: Option<&str>,
        context: &mut Context<'_>,
    ) -> Result<Option<Attempt<'_>>, HttpError> {
        let Some((limit, account)) = route.limit.zip(account) else { return Ok(None) };
        match self.rate_limiter.attempt(limit, context.request.client, account) {
            Ok(attempt) => Ok(Some(attempt)),
            Err(rate) => {
                context.rate = Some(rate);
                Err(HttpError::too_many("Too many sign-ins failed. Wait, then try again.", rate.wait.unwrap_or(1)))
            }
        }
    }

    /// The metadata of the message.
    fn metadata(
        &self,
        request: &RequestInfo,
        caller: Option<&Caller>,
        idempotency_key: Option<String>,
    ) -> RequestMetadata {
        let span = request.span.map(|span| span.context().traceparent());
        RequestMetadata {
            message_id: request.message_id,
            request_id: request.request_id.as_str().to_owned(),
            caller: caller.map(|caller| caller.id.clone()),
            session: caller.and_then(|caller| caller.session),
            idempotency_key,
            tracestate: request.trace.state.clone(),
            baggage: baggage(&request.head.headers),
            traceparent: span.or_else(|| request.trace.parent.clone()),
            deadline: Deadline::after(self.request_timeout),
        }
    }

    /// Responds from the gateway itself.
    async fn respond_builtin(
        &self,
        row: &Row,
        builtin: Builtin,
        request: &RequestInfo,
    ) -> Result<Response<Body>, HttpError> {
        let _permit = self.admit(row)?;
        let context = BuiltinContext {
            rpc: &self.rpc,
            router: &self.router,
            auth: &self.auth,
            retry_delays_ms: &self.retry_delays_ms,
        };
        Ok(builtin::respond(builtin, &request.head.headers, &context).await)
    }

    /// Opens an event stream.
    async fn open_stream(
        &self,
        call: Call<'_>,
        caller: Caller,
        request: &RequestInfo,
    ) -> Result<Response<Body>, HttpError> {
        let after = event_stream::last_seen(&request.head.headers, &call.input)?;
        let missed = Missed { pattern: call.rpc.pattern, after };
        let access_lost = {
            let (auth, caller) = (Arc::clone(&self.auth), caller.clone());
            async move { auth.access_lost(&caller).await }.boxed()
        };
        self.event_streams.open(caller, access_lost, missed, call.metadata).await
    }

    /// Calls a worker and turns its reply into a response.
    async fn call_worker(
        &self,
        call: Call<'_>,
        permit: Permit<'_>,
        attempt: Option<Attempt<'_>>,
        request: &RequestInfo,
    ) -> Result<Response<Body>, HttpError> {
        let Call { row, rpc, input, metadata } = call;
        let _in_flight = self.metrics.start_call(rpc.pattern);
        let start = Instant::now();
        let answer = self.rpc.call(rpc.pattern, &input, &metadata, row.waiting_room()).await;
        let answer = answer.and_then(|answer| self.check_reply(rpc.pattern, answer));
        if !matches!(
            answer,
            Err(RpcError::NotConnected | RpcError::NobodyServes | RpcError::NoWorkerStarted | RpcError::Expired)
        ) {
            row.record(start.elapsed());
        }
        if permit.settle(&answer) {
            self.rpc.renew();
        }
        if let Some(attempt) = attempt {
            attempt.settle(&answer);
        }
        let reply = answer.map_err(|error| response::failure(&error, rpc.safe))??;
        let reply = self.complete(row, reply, &metadata).await?;
        response::success(row.route, &request.head, &request.prefix, reply)
    }

    /// Checks a reply against the contract.
    fn check_reply(&self, pattern: &str, answer: Answer) -> Result<Answer, RpcError> {
        if let Ok(reply) = &answer {
            self.reply_shapes.check(pattern, reply).map_err(RpcError::Malformed)?;
        }
        Ok(answer)
    }

    /// Completes the reply with that of another pattern, if the route says so.
    async fn complete(
        &self,
        row: &Row,
        reply: Box<RawValue>,
        metadata: &RequestMetadata,
    ) -> Result<Box<RawValue>, HttpError> {
        let (Some(pattern), Some(latency)) = (row.route.inbox, &row.inbox) else { return Ok(reply) };
        let inbox = Inbox { rpc: &self.rpc, pattern, latency, kept: self.inbox_kept };
        history::complete(&reply, &inbox, metadata).await
    }
}

/// Rejects a request without exactly one `Host` header: it may be meant for another server (RFC 9112, section 3.2).
fn check_host(RequestInfo { head, .. }: &RequestInfo) -> Result<(), HttpError> {
    if head.version == Version::HTTP_11 && only(&head.headers, &HOST).is_none() {
        return Err(HttpError::new(Code::BadRequest, "Send exactly one Host header."));
    }
    Ok(())
}

/// Reads the input of a request as JSON, from the source that the route names.
async fn read_input(
    route: &Route,
    params: &Params<'_, '_>,
    context: &mut Context<'_>,
) -> Result<Box<RawValue>, HttpError> {
    let head = &context.request.head;
    match route.source {
        Source::Url => request::from_url(params, head.uri.query()),
        Source::Body => {
            request::expect_json(&head.headers)?;
            request::json(&context.body.read().await?)
        }
    }
}

impl Service for Pipeline {
    async fn call(&self, request: Request<Incoming>) -> Response<Body> {
        let start = Instant::now();
        let (head, incoming) = request.into_parts();
        let peer = head.extensions.get().map_or(UNKNOWN, |Peer(peer)| *peer);
        let client = self.proxies.client(peer, &head.headers);
        let prefix = self.proxies.prefix(peer, &head.headers).to_owned();
        let body = RequestBody::new(incoming, &head, self.body_bounds);
        // Never the client's id: two requests with one id would have one effect.
        let message_id = Uuid::now_v7();
        let request_id = RequestId::of(&head.headers, message_id);
        let trace = Trace::of(&head.headers);
        let span = self.sampler.start(&trace);
        let request = RequestInfo { head, message_id, request_id, client, prefix, trace, span };

        let mut context = Context { request: &request, body, route: None, rate: None };
        let outcome = self.run(&mut context).await;
        let Context { body, route, rate, .. } = context;
        let code = outcome.as_ref().err().map(HttpError::code);
        let cause = outcome.as_ref().err().and_then(HttpError::cause).map(str::to_owned);
        let mut response =
            outcome.unwrap_or_else(|error| error.respond(&request.head.uri, request.request_id.as_str()));

        let headers = response.headers_mut();
        headers.insert(X_REQUEST_ID, request.request_id.header());
        if let Some(rate) = rate {
            rate.write(headers);
        }
        add_security_headers(headers, route.is_some_and(|route| route.guarded));
        self.cors.add_headers(&request.head.headers, headers);
        match body.rest() {
            Rest::Nothing => {}
            Rest::TooMuch => drop(headers.insert(CONNECTION, HeaderValue::from_static("close"))),
            // The response does not wait for it.
            Rest::Some => drop(self.discarding.spawn(body.discard())),
        }
        self.metrics.count(&CompletedRequest {
            method: known_method(request.head.method.as_str()),
            route: route.map(|route| route.path),
            pattern: route.map_or("none", |route| route.pattern().unwrap_or("builtin")),
            status: response.status(),
            code,
            took: start.elapsed(),
        });
        if let Some(span) = request.span {
            let route = route.map_or("other", |route| route.path);
            let name = format!("{} {route}", known_method(request.head.method.as_str()));
            let error = code.filter(|_| response.status().is_server_error()).map(Code::as_str);
            let (request_id, message_id) = (Some(request.request_id.as_str()), Some(message_id));
            span.finish(SpanKind::Server, name, &SpanDetails { error, request_id, message_id });
        }
        AccessLogEntry {
            method: request.head.method.as_str(),
            route: route.map(|route| route.path),
            pattern: route.and_then(Route::pattern),
            quiet: route.is_some_and(Route::is_public_by_setting),
            status: response.status(),
            took: start.elapsed(),
            request_id: request.request_id.as_str(),
            code,
            cause: cause.as_deref(),
        }
        .write();
        response
    }
}
