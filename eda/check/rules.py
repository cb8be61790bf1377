"""The rules: title, severity and advice."""

from eda.check.rule import Rule, Severity
from eda.check.rules_of_embeddings import EMBEDDING_RULES

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""error: training or scoring goes wrong; warning: probably a mistake; info: good to know."""

TINY_SIDE = 8.0
"""Pixels. A box with a shorter side is smaller than one cell of the finest common feature map (stride 8 in FPN
and YOLO)."""

NEAR_DUPLICATE_IOU = 0.9
"""Two boxes of one class with a higher IoU count as one object annotated twice."""

NEAR_DUPLICATE_BITS = 8
"""Of the 64 bits of a perceptual hash. Unrelated images differ in 32 ± 4 bits, so 8 is six standard deviations
away."""

AREA_TOLERANCE = 1.0
"""Square pixels: the Hub keeps areas as whole numbers."""

EDGE_TOLERANCE = 0.01
"""Pixels: the Hub keeps boxes as float32."""


RULES: dict[str, Rule] = {
    "image-id-repeated": Rule(
        "error", "Two images share an id", "Their boxes cannot be separated; renumber the images in the source."
    ),
    "file-ignored": Rule("info", "An annotation file that is not read", "Name it with --data to explore it."),
    "file-name-differs": Rule(
        "warning",
        "A photo under another name than annotated",
        "Write the name as it is on disk; other programs will not find the photo.",
    ),
    "label-without-photo": Rule(
        "warning", "A label file without a photo that can be read", "Fetch the photo or drop the file."
    ),
    "number-as-text": Rule(
        "info", "Whole numbers written as text or decimals", "Write them as numbers; other programs stop at them."
    ),
    "category-id-repeated": Rule(
        "error",
        "One category id with several names",
        "Renumber the categories; here the boxes of this id count for none of them.",
    ),
    "category-name-repeated": Rule(
        "warning", "One category name with several ids", "Merge them; here they are one class."
    ),
    "category-name-similar": Rule(
        "warning", "Class names that differ only in their spelling", "Merge them if they mean one class."
    ),
    "photo-missing-all": Rule(
        "error", "No photo of a split was found", "Put the photos where the file names say, or correct the names."
    ),
    "box-format-differs": Rule(
        "error",
        "Boxes in another format than COCO's",
        "Convert them; they are left out of the statistics.",
    ),
    "box-flag-odd": Rule(
        "warning", "iscrowd or ignore is not 0 or 1", "Write 0 or 1; other programs take a text for true."
    ),
    "box-rotated": Rule(
        "warning",
        "A box that is annotated as turned",
        "Its object reaches past the upright box: export polygons, or draw the box around the turned one.",
        "CVAT's attribute `rotation` is not 0",
    ),
    "box-area-missing": Rule(
        "info", "A box without an area", "Add width times height; COCO's scoring stops without it."
    ),
    "image-size-differs": Rule(
        "error",
        "width/height differ from the photo",
        "Take the size from the photo; the fields mislead resizing.",
    ),
    "image-without-boxes": Rule(
        "info",
        "An image without boxes",
        "Keep it as a negative or drop it, but decide; it changes the loss.",
    ),
    "photo-missing": Rule("error", "No photo for an annotation", "Fetch the photo or drop the image."),
    "photo-unreadable": Rule("error", "A photo that cannot be decoded", "Fetch it again or drop the image."),
    "photo-unlisted": Rule("info", "A photo that no annotation file lists", "Harmless, but it is not used."),
    "photo-format-differs": Rule(
        "warning",
        "File name and content disagree",
        "Open by content, not by extension; strict decoders reject it.",
    ),
    "photo-not-rgb": Rule("info", "A photo that is not RGB", "Convert to RGB before it reaches a model."),
    "photo-rotated": Rule(
        "warning",
        "EXIF asks for a rotation",
        "Find out which frame the boxes are in before any viewer rotates it.",
    ),
    "photo-dark": Rule(
        "warning",
        "A photo that is too dark",
        "Look whether a person can see the objects; drop the photo if not.",
        "99th percentile of luma under 0.32 (cleanvision)",
    ),
    "photo-bright": Rule(
        "warning",
        "A photo that is too bright",
        "Look whether a person can see the objects; drop the photo if not.",
        "5th percentile of luma above 0.95 (cleanvision)",
    ),
    "photo-low-contrast": Rule(
        "warning",
        "A photo with hardly any contrast",
        "Look whether it shows anything; fog or a lens cap teaches a detector nothing.",
        "99th minus 1st percentile of luma under 0.05 (scikit-image, is_low_contrast)",
    ),
    "photo-blurred": Rule(
        "warning",
        "A blurred photo",
        "Look at its boxes: edges that cannot be seen are guesses.",
        "variance of the Laplacian (Pech-Pacheco 2000) over the variance of luma under 0.01, at 512 pixels; "
        "the limit is measured on CPPE-5's test split",
    ),
    "photo-low-information": Rule(
        "warning",
        "A photo with little information",
        "Look at it: a blank page, a placeholder or a drawing.",
        "entropy of the RGB histogram under 3 bits (cleanvision)",
    ),
    "photo-odd-aspect": Rule(
        "info",
        "A photo that is very wide or tall",
        "Resizing to a square shrinks its objects most; consider tiles.",
        "shorter side over longer side under 0.35 (cleanvision)",
    ),
    "photo-odd-size": Rule(
        "info",
        "A photo far larger or smaller than the others",
        "Look whether it is a thumbnail or another camera's.",
        "√(width · height) more than 3 interquartile ranges outside the quartiles (cleanvision)",
    ),
    "photo-grey": Rule(
        "info",
        "A grey photo among photos in colour",
        "Make sure that the model may not rely on colour, or drop it.",
        "RGB, and 99% of its pixels have channels within 0.02 of each other; fewer than half of the photos are so",
    ),
    "photo-borders": Rule(
        "info",
        "A photo with a plain border",
        "Crop bars before training; a plain studio background is harmless.",
        "more than 10% of the area in rows and columns at the edges whose luma deviates by less than 2 of 255 levels",
    ),
    "photo-duplicate": Rule("error", "The same file twice in a split", "Drop one; it counts twice."),
    "photo-near-duplicate": Rule(
        "warning", "Nearly the same photo twice in a split", "Look at the pair; it counts almost twice."
    ),
    "leak-duplicate": Rule(
        "error", "The same file in two splits", "Drop it from train; otherwise the test score is inflated."
    ),
    "leak-near-duplicate": Rule(
        "error",
        "Nearly the same photo in two splits",
        "Look at the pair; drop it from train if both show one scene.",
    ),
    "box-not-numbers": Rule("error", "A box that is not four finite numbers", "Draw it again or drop it."),
    "box-not-positive": Rule("error", "Width or height is zero or negative", "Drop it; it turns losses to NaN."),
    "box-tiny": Rule(
        "warning",
        f"A side is under {TINY_SIDE:.0f} pixels",
        "Look at it: an annotation mistake, or too small to learn.",
    ),
    "box-past-photo": Rule("error", "A box past the edge of the photo", "Clip it to the photo, or draw it again."),
    "box-past-fields": Rule(
        "error",
        "A box past the width/height fields",
        "The fields are wrong (the photo is larger); correct them.",
    ),
    "box-area-differs": Rule("warning", "area is not width times height", "Recompute it; COCO's size classes use it."),
    "box-duplicate": Rule("error", "The same box twice", "Drop one; it counts as a miss in the score."),
    "box-near-duplicate": Rule(
        "warning",
        f"Two boxes of a class with IoU above {NEAR_DUPLICATE_IOU}",
        "Look at the pair; probably one object.",
    ),
    "box-class-conflict": Rule(
        "warning",
        f"Two classes on one place (IoU above {NEAR_DUPLICATE_IOU})",
        "Look at it; one label is likely wrong.",
    ),
    "box-id-repeated": Rule("warning", "Two boxes share an id", "Renumber; COCO tools keep only the last one."),
    "box-without-image": Rule("error", "A box of an image that is not listed", "List the image or drop the box."),
    "box-class-unknown": Rule(
        "error", "A category that its file does not name", "Add it to the categories, or drop the box."
    ),
    "box-size-odd": Rule(
        "warning",
        "A box far larger or smaller than its class",
        "Look at it: a close-up, a wrong class, or a box around a group or a part.",
        "robust z of log √(box area / photo area) above 3.5 within the class, by median and MAD (Iglewicz and Hoaglin "
        "1993), and twice or half the median",
    ),
    "box-aspect-odd": Rule(
        "warning",
        "A box far wider or taller than its class",
        "Look at it: a wrong class, or an object that is cut off.",
        "robust z of log (width / height), as above",
    ),
    "box-format": Rule(
        "warning",
        "Boxes that are likely in another format",
        "Look at the photo; convert its boxes to left, top, width and height.",
        "all four numbers between 0 and 1; or at least half of a photo's boxes, two or more, lie over 2% of its longer "
        "side outside, and all lie inside if read as two corners, or as centre and size",
    ),
    "image-crowded": Rule(
        "warning",
        "An image with far more boxes than others",
        "Look whether each box is one object; crowds dominate a batch's loss.",
        "robust z of log (boxes) above 3.5, as above",
    ),
    "image-label-missing": Rule(
        "warning",
        "An image without a class that nearly always comes with those it shows",
        "Look for the object; add its box if it is there.",
        "of the images with the same one or two classes, the share that shows the class has a 95% interval (Wilson) "
        "above 90%",
    ),
    "class-few-images": Rule(
        "warning",
        "A class in hardly any image",
        "Collect more images of it, or leave it out.",
        "at most 10 images (LVIS: rare, Gupta et al. 2019), in a data set of 100 or more",
    ),
    "class-few-boxes": Rule(
        "info",
        "A class with too few boxes in a split to measure its recall",
        "Give an interval beside its score, or collect more.",
        "under 96 boxes: 1.96 √(0.25 / n) is above 10 points, in a data set of 100 images or more",
    ),
    "class-imbalance": Rule(
        "warning",
        "A class with far fewer boxes than the most frequent",
        "Report scores by class; consider sampling or weighting by class.",
        "under a tenth of the most frequent class's boxes, in a data set of 100 images or more",
    ),
    **EMBEDDING_RULES,
    "box-set-aside": Rule("info", "A box marked iscrowd or ignore", "COCO's scoring skips it; so should training."),
}
