"""Cameras and a ground station with nothing but function calls in between."""

from ground_station import Station

from siamdw_ros.mavlink.camera import Request
from siamdw_ros.mavlink.cameras import Cameras, Network
from siamdw_ros.mavlink.commands import ACCEPTED
from siamdw_ros.mavlink.messages import CameraDescription, Target
from siamdw_ros.siamdw.presence import State

BOX = (0.25, 0.5, 0.25, 0.25)  # values that float32 holds exactly


class Wired:
    """One or several cameras, a ground station, and a clock that is set by hand."""

    def __init__(self, *cameras: CameraDescription, status_rate: float = 5.0) -> None:
        self.now = 100.0
        network = Network(status_rate=status_rate)
        self.cameras = Cameras(network, cameras or [CameraDescription("front")], self.now)
        self.station = Station(lambda data: self.cameras.receive(data, self.now))

    @property
    def camera(self):
        return next(iter(self.cameras.components.values()))

    def carry(self) -> None:
        """Bring to the station what was sent to it."""
        for packet in self.cameras.take_output():
            self.station.receive(packet)

    def run(self, seconds: float, *, news: bool = True) -> None:
        """Let time pass, with news of the tracker 20 times per second."""
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now += 0.01
            if news and round(self.now * 100) % 5 == 0:
                for camera in self.cameras.components.values():
                    camera.update(camera._target, self.now)
            self.cameras.tick(self.now)
        self.carry()

    def command(self, number: int, *parameters: float, **options: int) -> list[int]:
        """Send a command; return all results of it so far."""
        self.station.command(number, *parameters, **options)
        self.carry()
        return self.station.results(number)

    def answer(self, request: Request, result: int = ACCEPTED, message: str = "") -> None:
        self.cameras.components[request.camera].answer(request, result, message, self.now)
        self.carry()

    def show(self, state: State = State.TRACKED, box=BOX, camera: str = "front") -> None:
        """Let the tracker report a target."""
        self.cameras.components[camera].update(Target(state, box), self.now)
