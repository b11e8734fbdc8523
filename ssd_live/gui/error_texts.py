"""Translate the most common error messages, which the other packages write in English."""

from PySide6.QtCore import QCoreApplication


def translated(message: str) -> str:
    """Return an error message in which the common phrases are in the language of the window.

    The rest of the message, such as a path, and rare messages stay as they are.
    """
    translate = QCoreApplication.translate
    for detail, text in (
        (
            "no server listens there; check the address and that the camera is on",
            translate(
                "Errors", "no server listens there; check the address and that the camera is on"
            ),
        ),
        (
            "the server does not answer; check the address and the network",
            translate("Errors", "the server does not answer; check the address and the network"),
        ),
        (
            "the server cannot be reached; check the address and the network",
            translate("Errors", "the server cannot be reached; check the address and the network"),
        ),
        (
            "the connection broke or the host is unknown; check the address and the network",
            translate(
                "Errors",
                "the connection broke or the host is unknown; check the address and the network",
            ),
        ),
        (
            "sign-in failed (401); check the user name and the password",
            translate("Errors", "sign-in failed (401); check the user name and the password"),
        ),
        (
            "the server forbids it (403); check the rights of this user",
            translate("Errors", "the server forbids it (403); check the rights of this user"),
        ),
        (
            "the server has no such video (404); check the path in the address",
            translate(
                "Errors", "the server has no such video (404); check the path in the address"
            ),
        ),
        (
            "there is no such file; check the path",
            translate("Errors", "there is no such file; check the path"),
        ),
        (
            "there is no such file, and this is not a camera, screen or address; check the path",
            translate(
                "Errors",
                "there is no such file, and this is not a camera, screen or address; check the "
                "path",
            ),
        ),
        (
            "the file is empty; copy it again or give another file",
            translate("Errors", "the file is empty; copy it again or give another file"),
        ),
        (
            "the file has no video stream; give a video or image file",
            translate("Errors", "the file has no video stream; give a video or image file"),
        ),
        (
            "the folder has no images; give a folder with images",
            translate("Errors", "the folder has no images; give a folder with images"),
        ),
        (
            "is not a video that FFmpeg can read, or its index is missing; copy it again or give "
            "another file",
            translate(
                "Errors",
                "is not a video that FFmpeg can read, or its index is missing; copy it again or "
                "give another file",
            ),
        ),
        (
            "is not an ONNX file; give a model file made by `export`",
            translate("Errors", "is not an ONNX file; give a model file made by `export`"),
        ),
        (
            "no space left on device",
            translate("Errors", "no space left on device"),
        ),
        (
            "permission denied",
            translate("Errors", "permission denied"),
        ),
    ):
        if detail in message:
            message = message.replace(detail, text)
    return message
