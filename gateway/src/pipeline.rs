//! Answers any request: finds its row, checks what the row says, asks the pattern, renders what comes back.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use amqp::rpc::client::Answer;
use amqp::{Broker, Deadline, RequestMetadata, RpcClient, RpcError};
use contracts::Code;
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
use crate::endpoints::builtin::Known;
use crate::endpoints::event_stream::{EventStreams, Missed};
use crate::endpoints::rpc::history::Inbox;
use crate::endpoints::rpc::reply_shape::ReplyShapes;
use crate::endpoints::rpc::{history, request, response};
use crate::endpoints::{builtin, event_stream};
use crate::http::access_log::AccessLogEntry;
use crate::http::client_ip::{Peer, Proxies};
use crate::http::cors::Cors;
use crate::http::problem::HttpError;
use crate::http::request_body::{Bounds, RequestBody, Rest};
use crate::http::request_headers::{RequestId, Trace, X_REQUEST_ID, baggage, idempotency_key, only};
use crate::http::response_body::Body;
use crate::http::security_headers::harden;
use crate::http::service::Service;
use crate::rate_limit::RateLimiter;
use crate::rate_limit::response_headers::Rate;
use crate::routing::route::{Ask, Route, Source, Success, Work};
use crate::routing::router::{Router, Row};
use crate::settings::GatewaySettings;

/// Everything that answering a request takes.
pub struct Pipeline {
    router: Router,
    auth: Arc<Auth>,
    cors: Cors,
    asker: Arc<RpcClient>,
    replies: ReplyShapes,
    feeds: EventStreams,
    limits: RateLimiter,
    proxies: Proxies,
    bounds: Bounds,
    public_system: bool,
    /// After how long events are tried again: these are parts of queues' names.
    retry_delays_ms: Vec<u32>,
    /// How long listeners remember what they have applied.
    inbox_kept: Duration,
    /// What is being read of bodies that nobody wanted.
    leftovers: TaskTracker,
    /// From a request's last byte to its answer.
    patience: Duration,
}

/// Who sends a request that came by no connection; only a test does.
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// What was learnt of a request on its way.
#[derive(Default)]
struct Seen {
    /// The row that serves it.
    route: Option<&'static Route>,
    /// What is left of the client's quota.
    rate: Option<Rate>,
}

/// A request without its body, and what the gateway calls it.
struct Call {
    head: Parts,
    message_id: Uuid,
    request_id: RequestId,
    client: IpAddr,
    /// What the proxy in front of us has taken off the path.
    prefix: String,
}

impl Pipeline {
    /// Serves a table of routes as the settings say.
    pub fn open(
        settings: &GatewaySettings,
        table: &'static [Route],
        asker: Arc<RpcClient>,
        stop: Shutdown,
    ) -> Result<Self, SettingError> {
        Ok(Self {
            feeds: EventStreams::new(&settings.event_streams(), Arc::clone(&asker), stop),
            router: Router::new(table, &settings.lanes()).expect("a test lays the table out"),
            auth: Arc::new(Auth::open(&settings.auth())?),
            cors: Cors::new(settings.origins().unwrap_or_default()),
            asker,
            replies: ReplyShapes::published().expect("a test reads the document"),
            limits: RateLimiter::new(settings.limits),
            proxies: settings.proxies().unwrap_or_default(),
            leftovers: TaskTracker::new(),
            bounds: Bounds { size: settings.body_limit_bytes, time: settings.body_timeout() },
            public_system: settings.public_system,
            retry_delays_ms: settings.retry_delays_ms.clone(),
            inbox_kept: Duration::from_hours(settings.inbox_h.into()),
            patience: settings.request_timeout(),
        })
    }

    /// Brings live events in, for those who follow them, until a stop is asked for.
    pub async fn watch(&self, broker: &Broker) {
        self.feeds.run(broker).await;
    }

    /// Keeps what changes meanwhile current, such as the keys of tokens, for ever.
    pub async fn keep(&self) {
        self.auth.keep().await;
    }

    /// The outcome of a request; `seen` becomes what is learnt on the way.
    async fn serve(&self, call: &Call, body: &mut RequestBody, seen: &mut Seen) -> Result<Response<Body>, HttpError> {
        let head = &call.head;
        // RFC 9112, section 3.2: a request without its one host is malformed, and may be meant for somebody else.
        if head.version == Version::HTTP_11 && only(&head.headers, &HOST).is_none() {
            return Err(HttpError::new(Code::BadRequest, "Send exactly one Host header."));
        }
        body.check(&head.headers)?;
        let (place, params) = self.router.place(head.uri.path())?;
        if head.method == Method::OPTIONS {
            return Ok(self.cors.options(&head.headers, &place.allow));
        }
        let row = place.row(head.method.as_str())?;
        seen.route = Some(row.route);
        self.count(row.route, call.client, seen)?;
        let guarded = row.route.guarded || (row.route.is_public_by_setting() && !self.public_system);
        let caller = if guarded { Some(self.auth.caller(&head.headers).await?) } else { None };
        match row.route.work {
            Work::Ask(ask) => self.forward((row, ask), (&params, caller), call, body, seen).await,
            Work::Builtin(own) => {
                let _in_flight = row.enter()?;
                let known = Known {
                    asker: &self.asker,
                    router: &self.router,
                    auth: &self.auth,
                    retry_delays_ms: &self.retry_delays_ms,
                };
                Ok(builtin::show(own, &head.headers, &known).await)
            }
        }
    }

    /// Counts a request of a limited row, and refuses it when it is one too many.
    fn count(&self, route: &Route, client: IpAddr, seen: &mut Seen) -> Result<(), HttpError> {
        let counted = route.limit.and_then(|limit| self.limits.enter(limit, client));
        let Some(Ok(rate) | Err(rate)) = counted else { return Ok(()) };
        seen.rate = Some(rate);
        match rate.wait {
            Some(wait) => Err(HttpError::too_many("Too many requests of this kind from your address. Wait.", wait)),
            None => Ok(()),
        }
    }

    /// Serves a row that asks a pattern. What costs least is checked first, and nothing is asked that would be refused.
    async fn forward(
        &self,
        (row, ask): (&Row, Ask),
        (params, caller): (&Params<'_, '_>, Option<Caller>),
        call: &Call,
        body: &mut RequestBody,
        seen: &mut Seen,
    ) -> Result<Response<Body>, HttpError> {
        let (route, headers) = (row.route, &call.head.headers);
        let idempotency_key = if route.keyed { idempotency_key(headers)? } else { None };
        let (bytes, object);
        let data = match route.source {
            Source::Body => {
                request::expect_json(headers)?;
                bytes = body.read().await?;
                request::json(&bytes)?
            }
            Source::Address => {
                object = request::address(params, call.head.uri.query())?;
                &object
            }
        };
        (ask.check)(data)?;
        let _in_flight = row.enter()?;
        let user = caller.as_ref().map(|caller| caller.id.as_str());
        let attempt = self.limits.attempt(route.limit, call.client, data, user).map_err(|rate| {
            let wait = rate.wait.unwrap_or(1);
            seen.rate = Some(rate);
            HttpError::too_many("Too many sign-ins failed. Wait a little.", wait)
        })?;
        let trace = Trace::of(headers);
        let meta = RequestMetadata {
            message_id: call.message_id,
            request_id: call.request_id.as_str().to_owned(),
            caller: caller.as_ref().map(|caller| caller.id.clone()),
            session: caller.as_ref().and_then(|caller| caller.session),
            idempotency_key,
            tracestate: trace.state,
            baggage: baggage(headers),
            traceparent: trace.parent,
            deadline: Deadline::after(self.patience),
        };
        if let (Success::LiveSubscription, Some(caller)) = (route.success, caller) {
            let missed = Missed { pattern: ask.pattern, after: event_stream::last_seen(headers, data)? };
            let lapse = {
                let (auth, caller) = (Arc::clone(&self.auth), caller.clone());
                async move { auth.lapse(&caller).await }.boxed()
            };
            return self.feeds.open(caller, lapse, missed, meta).await;
        }
        let asked = Instant::now();
        let answer = self.asker.ask(ask.pattern, data, &meta, row.waiting_room()).await;
        let answer = answer.and_then(|answer| self.checked(ask.pattern, answer));
        if !matches!(answer, Err(RpcError::NotConnected | RpcError::NobodyServes | RpcError::Expired)) {
            row.count(asked.elapsed());
        }
        if let Some(attempt) = attempt {
            attempt.settle(&answer);
        }
        match answer {
            Ok(Ok(reply)) => {
                let reply = self.completed(row, reply, &meta).await?;
                response::success(route, &call.head, &call.prefix, reply)
            }
            Ok(Err(fault)) => Err(fault.into()),
            Err(error) => Err(response::failure(&error, ask.safe)),
        }
    }

    /// An answer, if it is one that the contract promises.
    fn checked(&self, pattern: &str, answer: Answer) -> Result<Answer, RpcError> {
        if let Ok(reply) = &answer {
            self.replies.check(pattern, reply).map_err(RpcError::Malformed)?;
        }
        Ok(answer)
    }
}

impl Pipeline {
    /// The reply, with what another pattern adds to it where the row says so.
    async fn completed(
        &self,
        row: &Row,
        reply: Box<RawValue>,
        meta: &RequestMetadata,
    ) -> Result<Box<RawValue>, HttpError> {
        let (Some(pattern), Some(meter)) = (row.route.inbox, &row.inbox) else { return Ok(reply) };
        let inbox = Inbox { asker: &self.asker, pattern, meter, kept: self.inbox_kept };
        history::complete(&reply, &inbox, meta).await
    }
}

impl Service for Pipeline {
    async fn call(&self, request: Request<Incoming>) -> Response<Body> {
        let began = Instant::now();
        let (head, incoming) = request.into_parts();
        let peer = head.extensions.get().map_or(UNKNOWN, |Peer(peer)| *peer);
        let client = self.proxies.client(peer, &head.headers);
        let prefix = self.proxies.prefix(peer, &head.headers).to_owned();
        let mut body = RequestBody::new(incoming, &head, self.bounds);
        // Always ours: were it the client's, two requests with one id would have one effect.
        let message_id = Uuid::now_v7();
        let request_id = RequestId::of(&head.headers, message_id);
        let call = Call { head, message_id, request_id, client, prefix };

        let mut seen = Seen::default();
        let outcome = self.serve(&call, &mut body, &mut seen).await;
        let code = outcome.as_ref().err().map(HttpError::code);
        let cause = outcome.as_ref().err().and_then(HttpError::cause).map(str::to_owned);
        let mut response = outcome.unwrap_or_else(|refusal| refusal.respond(&call.head.uri, call.request_id.as_str()));

        let headers = response.headers_mut();
        headers.insert(X_REQUEST_ID, call.request_id.header());
        if let Some(rate) = seen.rate {
            rate.write(headers);
        }
        harden(headers, seen.route.is_some_and(|route| route.guarded));
        self.cors.mark(&call.head.headers, headers);
        match body.rest() {
            Rest::Nothing => {}
            Rest::TooMuch => drop(headers.insert(CONNECTION, HeaderValue::from_static("close"))),
            // The answer does not wait for it.
            Rest::Some => drop(self.leftovers.spawn(body.discard())),
        }
        AccessLogEntry {
            method: call.head.method.as_str(),
            route: seen.route.map(|route| route.path),
            pattern: seen.route.and_then(Route::pattern),
            quiet: seen.route.is_some_and(Route::is_public_by_setting),
            status: response.status(),
            took: began.elapsed(),
            request_id: call.request_id.as_str(),
            code,
            cause: cause.as_deref(),
        }
        .write();
        response
    }
}
