//! Cameras.

#[cfg(not(feature = "camera"))]
pub use absent::open;
#[cfg(feature = "camera")]
pub use present::open;

/// What is told where there is no [`open`] worth its name.
#[cfg_attr(feature = "camera", allow(dead_code, reason = "it is built"))]
pub const NOT_BUILT: &str = "this program was built without cameras: build it with `--features camera`, \
                             or read one through ffmpeg with 'exec:ffmpeg -f v4l2 -i /dev/video0 -f mjpeg -'";

#[cfg(not(feature = "camera"))]
mod absent {
    use std::sync::Arc;

    use super::super::feed::Feed;
    use super::super::shared::Shared;
    use super::super::{CaptureOptions, SourceError};

    pub fn open(
        number: u32,
        _: &CaptureOptions,
        _: &Arc<Shared>,
    ) -> Result<Box<dyn Feed>, SourceError> {
        Err(SourceError::Camera { number, problem: super::NOT_BUILT.to_owned() })
    }
}

#[cfg(feature = "camera")]
mod present {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::time::Instant;

    use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
    use image::RgbImage;
    use nokhwa::pixel_format::RgbFormat;
    use nokhwa::utils::{
        CameraFormat, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType,
    };
    use nokhwa::{Buffer, Camera, NokhwaError};

    use super::super::super::{decode_file_into, resize};
    use super::super::colour::{Colours, Range};
    use super::super::feed::{Feed, Next};
    use super::super::line::SLICE;
    use super::super::shared::{Impatience, Shared};
    use super::super::{CaptureOptions, SourceError};

    /// Frames per second that a camera is asked for.
    const RATE: u32 = 30;
    /// Threads that wait in a driver. One that never answers keeps its thread, and the camera with it.
    const MOST_THREADS: usize = 4;
    static THREADS: AtomicUsize = AtomicUsize::new(0);

    /// What the thread gives: a frame, or why there is none.
    type Given = Result<(Buffer, Instant), NokhwaError>;

    /// A camera, behind a thread that may wait for ever. The thread ends when this is gone and the driver answers.
    struct CameraFeed {
        number: u32,
        given: Receiver<Given>,
        shared: Arc<Shared>,
    }

    pub fn open(
        number: u32,
        options: &CaptureOptions,
        shared: &Arc<Shared>,
    ) -> Result<Box<dyn Feed>, SourceError> {
        let refuse = |problem: String| SourceError::Camera { number, problem };
        let thread = Counted::new().ok_or_else(|| {
            refuse(format!(
                "its driver does not answer, and {MOST_THREADS} threads wait for it: plug the camera in anew, or restart"
            ))
        })?;
        let size = options.size;
        let (give, given) = bounded(1);
        std::thread::Builder::new()
            .name(format!("camera {number}"))
            .spawn(move || {
                let _thread = thread;
                if let Err(error) = capture(number, size, &give) {
                    let _ = give.send(Err(error));
                }
            })
            .map_err(|error| refuse(error.to_string()))?;
        Ok(Box::new(CameraFeed { number, given, shared: shared.clone() }))
    }

    /// One of the [`MOST_THREADS`].
    struct Counted;

    impl Counted {
        fn new() -> Option<Self> {
            let less = |count| (count < MOST_THREADS).then_some(count + 1);
            THREADS.fetch_update(Relaxed, Relaxed, less).ok().map(|_| Counted)
        }
    }

    impl Drop for Counted {
        fn drop(&mut self) {
            THREADS.fetch_sub(1, Relaxed);
        }
    }

    /// Gives frames until nobody takes them.
    fn capture(number: u32, size: (u32, u32), give: &Sender<Given>) -> Result<(), NokhwaError> {
        let any = RequestedFormat::new::<RgbFormat>(RequestedFormatType::None);
        let mut camera = Camera::new(CameraIndex::Index(number), any)?;
        let formats = camera.compatible_camera_formats()?;
        if let Some(format) = choose(&formats, size) {
            // Some drivers refuse what they have offered; then what they have is taken.
            let exactly = RequestedFormatType::Exact(format);
            let wanted = RequestedFormat::new::<RgbFormat>(exactly);
            if let Err(error) = camera.set_camera_requset(wanted) {
                log::warn!("camera:{number}: {format} is refused: {error}");
            }
        }
        log::info!("camera:{number}: {}, {}", camera.info().human_name(), camera.camera_format());
        camera.open_stream()?;
        loop {
            let frame = camera.frame()?;
            match give.try_send(Ok((frame, Instant::now()))) {
                Err(TrySendError::Disconnected(_)) => return Ok(()),
                // Nobody has taken the one before yet. Waiting here would let the driver's own frames grow old.
                Err(TrySendError::Full(_)) | Ok(()) => {}
            }
        }
    }

    /// The format nearest to `size`, then to [`RATE`]; then one without losses.
    fn choose(formats: &[CameraFormat], (width, height): (u32, u32)) -> Option<CameraFormat> {
        let kinds = [FrameFormat::YUYV, FrameFormat::MJPEG, FrameFormat::NV12, FrameFormat::RAWRGB];
        let order = |format: &CameraFormat| {
            let away = format.width().abs_diff(width) + format.height().abs_diff(height);
            let kind = kinds.iter().position(|&kind| kind == format.format());
            (away, format.frame_rate().abs_diff(RATE), kind)
        };
        formats.iter().copied().filter(|format| kinds.contains(&format.format())).min_by_key(order)
    }

    impl CameraFeed {
        fn refuse(&self, problem: &str) -> SourceError {
            SourceError::Camera { number: self.number, problem: problem.to_owned() }
        }

        fn given(&self) -> Result<Given, SourceError> {
            loop {
                let left = self.shared.patience().map_err(|impatience| match impatience {
                    Impatience::Silent(after) => SourceError::Silent { after, told: None },
                    Impatience::Stopped => self.refuse("is not wanted any more"),
                })?;
                match self.given.recv_timeout(left.min(SLICE)) {
                    Ok(given) => return Ok(given),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => {
                        return Err(self.refuse("its thread has ended"));
                    }
                }
            }
        }
    }

    impl Feed for CameraFeed {
        fn next(&mut self, picture: &mut RgbImage) -> Result<Next, SourceError> {
            let (frame, captured) = self.given()?.map_err(|error| {
                self.refuse(&format!(
                    "{error}: is it connected, not used by another program, and are you in the group `video`? `ferscope doctor` lists cameras"
                ))
            })?;
            Ok(match decode(&frame, picture) {
                Ok(()) => Next::Picture(captured),
                Err(problem) => Next::Skipped(format!("a frame {problem}")),
            })
        }
    }

    fn decode(frame: &Buffer, picture: &mut RgbImage) -> Result<(), String> {
        let bytes = frame.buffer();
        if frame.source_frame_format() == FrameFormat::MJPEG {
            return decode_file_into(bytes, picture).map_err(|e| e.to_string());
        }
        let size = frame.resolution();
        let pixels = size.width() as usize * size.height() as usize;
        resize(picture, size.width(), size.height());
        if frame.source_frame_format() == FrameFormat::YUYV {
            if bytes.len() != 2 * pixels {
                return Err(format!("of {} bytes is not whole", bytes.len()));
            }
            Colours::new(Range::Limited).packed(bytes, picture);
            return Ok(());
        }
        frame.decode_image_to_buffer::<RgbFormat>(picture).map_err(|error| error.to_string())
    }

    #[cfg(test)]
    mod tests {
        use super::super::super::Source;
        use super::*;
        use std::time::Duration;

        #[test]
        fn a_driver_that_never_answers_is_not_waited_for() {
            let shared = Arc::new(Shared::new(&Source::Camera(0), Duration::ZERO));
            let (_give, given) = bounded(1);
            let mut feed = CameraFeed { number: 0, given, shared: shared.clone() };
            shared.grant(Duration::from_millis(50));
            let silent = feed.next(&mut RgbImage::default());
            assert!(matches!(silent, Err(SourceError::Silent { .. })), "{silent:?}");
            let threads: Vec<_> = std::iter::from_fn(Counted::new).collect();
            assert_eq!(threads.len(), MOST_THREADS);
        }

        #[test]
        fn the_format_nearest_to_what_is_wanted_is_chosen() {
            let format =
                |width, height, kind, rate| CameraFormat::new_from(width, height, kind, rate);
            use FrameFormat::{GRAY, MJPEG, YUYV};
            let slow = [format(640, 480, YUYV, 15), format(640, 480, MJPEG, 30)];
            assert_eq!(choose(&slow, (640, 480)), Some(slow[1]));
            let both = [format(640, 480, MJPEG, 30), format(640, 480, YUYV, 30)];
            assert_eq!(choose(&both, (640, 480)), Some(both[1]));
            let none = [
                format(320, 180, YUYV, 60),
                format(800, 600, YUYV, 30),
                format(1920, 1080, MJPEG, 30),
                format(640, 480, GRAY, 30),
            ];
            assert_eq!(choose(&none, (640, 480)), Some(none[1]));
            assert_eq!(choose(&[], (640, 480)), None);
        }
    }
}
