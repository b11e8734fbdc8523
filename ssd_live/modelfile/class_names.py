"""List the class names of the data sets that the published weights were trained on.

The background is left out.
"""

# The twenty classes of PASCAL VOC, in their usual order.
_VOC = """
aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person
pottedplant sheep sofa train tvmonitor
"""
VOC = _VOC.split()

# The category ids 1 to 90 of COCO. Ten of them were never used.
_COCO = """
person;bicycle;car;motorcycle;airplane;bus;train;truck;boat;traffic light;fire hydrant;;stop sign;
parking meter;bench;bird;cat;dog;horse;sheep;cow;elephant;bear;zebra;giraffe;;backpack;umbrella;;;
handbag;tie;suitcase;frisbee;skis;snowboard;sports ball;kite;baseball bat;baseball glove;
skateboard;surfboard;tennis racket;bottle;;wine glass;cup;fork;knife;spoon;bowl;banana;apple;
sandwich;orange;broccoli;carrot;hot dog;pizza;donut;cake;chair;couch;potted plant;bed;;
dining table;;;toilet;;tv;laptop;mouse;remote;keyboard;cell phone;microwave;oven;toaster;sink;
refrigerator;;book;clock;vase;scissors;teddy bear;hair drier;toothbrush
"""
COCO = [
    name.strip() or f"unused {number}"
    for number, name in enumerate(_COCO.replace("\n", "").split(";"), 1)
]


def names_for(classes: int) -> list[str]:
    """Return the names of `classes` classes, a number that does not include the background.

    The names are those of VOC for 20 classes, and those of COCO for 80 classes. For 90 classes they
    are those of COCO with its ten unused ids ("unused 12"). For any other number they are "class
    1", "class 2" and so on.
    """
    known = {
        len(VOC): VOC,
        len(COCO): COCO,
        80: [name for name in COCO if not name.startswith("unused")],
    }
    return list(known.get(classes, [f"class {number}" for number in range(1, classes + 1)]))
