//! HTTP/1.1 messages as they come in, in pieces of any size: no more is read of them than a benchmark needs, so that
//! reading costs little and always the same.

/// How a message begins, and what its head says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    /// Of a response; 0 in a request.
    pub(crate) status: u16,
    /// Of a request; empty in a response.
    pub(crate) method: String,
    pub(crate) session: Option<String>,
}

/// Whose messages are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    Response,
}

/// Reads one message after the other.
#[derive(Debug)]
pub(crate) struct Reader {
    kind: Kind,
    state: State,
    /// Bytes of a head, or of a chunk's size, that did not come at once.
    partial: Vec<u8>,
    /// How much of a body is kept.
    keep: usize,
    pub(crate) head: Head,
    /// The first bytes of the body.
    pub(crate) body: Vec<u8>,
    /// How long the body is so far.
    pub(crate) length: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    Length(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailer,
    UntilClose,
}

/// What a piece of input came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fed {
    /// All of the input is used, and the message goes on.
    More,
    /// The message ends after so many bytes of the input.
    Whole(usize),
}

const MOST_HEADERS: usize = 64;

impl Reader {
    pub(crate) fn new(kind: Kind, keep: usize) -> Self {
        Self {
            kind,
            state: State::Head,
            partial: Vec::new(),
            keep,
            head: Head::default(),
            body: Vec::new(),
            length: 0,
        }
    }

    /// Reads on. After [`Fed::Whole`] the message stays to be looked at until the next call.
    ///
    /// # Errors
    /// It is no HTTP/1.1 message.
    pub(crate) fn feed(&mut self, input: &[u8]) -> Result<Fed, String> {
        let mut used = 0;
        loop {
            let rest = &input[used..];
            match self.state {
                State::Head => match self.feed_head(rest)? {
                    Some(taken) => used += taken,
                    None => return Ok(Fed::More),
                },
                State::Length(0) => return Ok(self.whole(used)),
                State::ChunkSize | State::ChunkEnd | State::Trailer => match self.feed_line(rest)? {
                    Some((taken, true)) => return Ok(self.whole(used + taken)),
                    Some((taken, false)) => used += taken,
                    None => return Ok(Fed::More),
                },
                State::Length(left) | State::Chunk(left) => {
                    let taken = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    self.take(&rest[..taken]);
                    used += taken;
                    let left = left - taken as u64;
                    self.state = match self.state {
                        State::Chunk(_) if left == 0 => State::ChunkEnd,
                        State::Chunk(_) => State::Chunk(left),
                        _ => State::Length(left),
                    };
                    if left > 0 {
                        return Ok(Fed::More);
                    }
                }
                State::UntilClose => {
                    self.take(rest);
                    return Ok(Fed::More);
                }
            }
        }
    }

    /// Whether a closed connection is the end of the message.
    pub(crate) fn ends_with_connection(&self) -> bool {
        self.state == State::UntilClose
    }

    fn whole(&mut self, used: usize) -> Fed {
        self.state = State::Head;
        Fed::Whole(used)
    }

    fn take(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        let room = self.keep.saturating_sub(self.body.len()).min(bytes.len());
        self.body.extend_from_slice(&bytes[..room]);
    }

    /// How many bytes of the input belong to the head, once it is whole.
    fn feed_head(&mut self, input: &[u8]) -> Result<Option<usize>, String> {
        if self.partial.is_empty() {
            let taken = self.parse_head(input)?;
            if taken.is_none() {
                self.partial.extend_from_slice(input);
            }
            return Ok(taken);
        }
        let before = self.partial.len();
        self.partial.extend_from_slice(input);
        let bytes = std::mem::take(&mut self.partial);
        let taken = self.parse_head(&bytes)?;
        if taken.is_none() {
            self.partial = bytes;
        }
        Ok(taken.map(|taken| taken - before))
    }

    fn parse_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, String> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let no_http = |error: httparse::Error| format!("this is no HTTP/1.1: {error}");
        let (parsed, status, method) = match self.kind {
            Kind::Response => {
                let mut response = httparse::Response::new(&mut headers);
                let parsed = response.parse(bytes).map_err(no_http)?;
                (parsed, response.code.unwrap_or(0), "")
            }
            Kind::Request => {
                let mut request = httparse::Request::new(&mut headers);
                let parsed = request.parse(bytes).map_err(no_http)?;
                (parsed, 0, request.method.unwrap_or(""))
            }
        };
        let httparse::Status::Complete(taken) = parsed else { return Ok(None) };
        self.head.status = status;
        self.head.method.clear();
        self.head.method.push_str(method);
        self.head.session = None;
        self.body.clear();
        self.length = 0;
        self.state = match self.kind {
            Kind::Response if status != 204 && status != 304 => State::UntilClose,
            Kind::Response | Kind::Request => State::Length(0),
        };
        for header in headers.iter().take_while(|header| !header.name.is_empty()) {
            self.note(header.name, header.value)?;
        }
        Ok(Some(taken))
    }

    fn note(&mut self, name: &str, value: &[u8]) -> Result<(), String> {
        if name.eq_ignore_ascii_case("content-length") {
            let length = std::str::from_utf8(value).ok().and_then(|value| value.trim().parse().ok());
            self.state = State::Length(length.ok_or("a Content-Length that is no number")?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            self.state = State::ChunkSize;
        } else if name.eq_ignore_ascii_case("mcp-session-id") {
            self.head.session = Some(String::from_utf8_lossy(value).into_owned());
        }
        Ok(())
    }

    /// A line around chunks: how many bytes it took, and whether it was the last of the message.
    fn feed_line(&mut self, input: &[u8]) -> Result<Option<(usize, bool)>, String> {
        let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
            self.partial.extend_from_slice(input);
            return Ok(None);
        };
        let line = match self.partial.is_empty() {
            true => input[..end].to_vec(),
            false => [&std::mem::take(&mut self.partial), &input[..end]].concat(),
        };
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        match self.state {
            State::Trailer if line.is_empty() => return Ok(Some((end + 1, true))),
            State::ChunkEnd => self.state = State::ChunkSize,
            State::ChunkSize => {
                let size = std::str::from_utf8(line).ok().and_then(|line| line.split(';').next());
                let size = size.and_then(|size| u64::from_str_radix(size.trim(), 16).ok());
                self.state = match size.ok_or("a chunk whose size is no number")? {
                    0 => State::Trailer,
                    size => State::Chunk(size),
                };
            }
            _ => {}
        }
        Ok(Some((end + 1, false)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nMcp-Session-Id: s1\r\n\r\n\
        5\r\nhello\r\n1;x=y\r\n \r\n5\r\nworld\r\n0\r\nx: y\r\n\r\nHTTP/1.1 202 Accepted\r\n";

    #[test]
    fn an_answer_in_chunks_is_the_same_in_pieces_of_any_size() {
        for size in 1..CHUNKED.len() {
            let mut reader = Reader::new(Kind::Response, 64);
            let end = CHUNKED.len() - b"HTTP/1.1 202 Accepted\r\n".len();
            let mut at = 0;
            let whole = loop {
                let piece = &CHUNKED[at..(at + size).min(CHUNKED.len())];
                match reader.feed(piece).unwrap() {
                    Fed::More => at += piece.len(),
                    Fed::Whole(used) => break at + used,
                }
            };
            assert_eq!((whole, reader.head.status, reader.length), (end, 200, 11), "pieces of {size}");
            assert_eq!(reader.body, b"hello world");
            assert_eq!(reader.head.session.as_deref(), Some("s1"));
        }
    }

    #[test]
    fn requests_follow_each_other_on_a_connection() {
        let input = b"POST /mcp HTTP/1.1\r\ncontent-length: 3\r\n\r\nabcGET /mcp HTTP/1.1\r\n\r\n";
        let mut reader = Reader::new(Kind::Request, 2);
        let Fed::Whole(used) = reader.feed(input).unwrap() else { panic!("the first is whole") };
        assert_eq!(
            (reader.head.method.as_str(), reader.body.as_slice(), reader.length),
            ("POST", &b"ab"[..], 3)
        );
        assert_eq!(reader.feed(&input[used..]), Ok(Fed::Whole(input.len() - used)));
        assert_eq!(reader.head.method, "GET");
    }

    #[test]
    fn what_is_no_http_is_said_so() {
        assert!(Reader::new(Kind::Response, 0).feed(b"SSH-2.0-x\r\n").is_err());
        let bad = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
        assert!(Reader::new(Kind::Response, 0).feed(bad).is_err());
    }
}
