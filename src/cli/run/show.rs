//! `--show-camera`: frames with what was seen on them, for the dashboard.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::appliance::{Board, LastExplanation, Live, View};
use crate::expression::Expression;
use crate::view::live_overlay::LiveOverlay;

/// The dashboard asks for no more.
const PICTURE_PERIOD: Duration = Duration::from_millis(100);
/// Waiting for a frame takes no longer, so that ends are noticed.
const TICK: Duration = Duration::from_millis(50);

/// Draws frames onto the board.
pub struct BoardPainter {
    overlay: LiveOverlay,
    last: Option<Instant>,
}

impl BoardPainter {
    /// For a network with these classes.
    pub fn new(classes: Vec<Expression>) -> Self {
        BoardPainter { overlay: LiveOverlay::new(classes), last: None }
    }

    /// Puts the frame on the board, unless the last one was put there a moment ago. Draws on it.
    pub fn paint(&mut self, board: &Board, view: &mut View, last: Option<&Arc<LastExplanation>>) {
        if self.last.is_some_and(|last| last.elapsed() < PICTURE_PERIOD) {
            return;
        }
        self.last = Some(Instant::now());
        self.overlay.draw(&mut view.frame.picture, 1.0, &view.seen, last);
        board.set_picture(Some(Arc::new(view.frame.picture.clone())));
        // Who paused meanwhile wants none, and none when it goes on.
        if board.is_paused() {
            board.set_picture(None);
        }
    }

    /// Puts frames on the board until there are no more.
    pub fn run(&mut self, board: &Board, live: &Live) {
        while !board.is_stopping() {
            match live.views().recv_timeout(TICK) {
                Ok(mut view) => {
                    if !board.is_paused() {
                        self.paint(board, &mut view, live.last_explanation().as_ref());
                    }
                    live.recycle(view.frame);
                }
                Err(crossbeam_channel::RecvTimeoutError::Timeout) => {}
                Err(crossbeam_channel::RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::appliance::{Seen, Status};
    use crate::compare::MaskSet;
    use crate::source::stream::Frame;
    use image::RgbImage;

    fn view(value: u8) -> View {
        let picture = RgbImage::from_pixel(64, 48, image::Rgb([value; 3]));
        View {
            frame: Frame { number: 0, captured: Instant::now(), picture },
            seen: Seen::default(),
        }
    }

    #[test]
    fn the_board_has_a_picture_now_and_then_and_none_while_paused() {
        let board = Board::new(Status::new("net", MaskSet::default(), 20), true);
        let mut painter = BoardPainter::new(vec![Expression::Neutral]);
        let shown = || board.picture().map(|picture| picture.as_raw()[0]);
        painter.paint(&board, &mut view(1), None);
        painter.paint(&board, &mut view(2), None);
        assert_eq!(shown(), Some(1), "the second came too soon");
        board.set_paused(true);
        std::thread::sleep(PICTURE_PERIOD);
        painter.paint(&board, &mut view(3), None);
        assert_eq!(shown(), None);
        board.set_paused(false);
        assert_eq!(shown(), None, "none from before or from the pause");
    }
}
