"""What can be said of a CIFAR-10 picture: captions to learn from, and others to test.

A caption to be learnt from is a template around a noun, or a whole description. None of
the held-out ones is among them, nor is a template or a description of theirs.
"""

from __future__ import annotations

from training import cifar10

TEMPLATES = (
    "{}",
    "a photo of {}",
    "a small picture of {}",
    "a blurry photo of {}",
    "{} in the wild",
    "a close-up of {}",
)
NOUNS: dict[str, tuple[str, ...]] = {
    "airplane": ("an airplane", "a jet", "an aircraft", "a plane", "an airliner"),
    "automobile": ("an automobile", "a car", "a sports car", "a sedan", "a taxi"),
    "bird": ("a bird", "a sparrow", "an ostrich", "a songbird", "a robin"),
    "cat": ("a cat", "a kitten", "a tabby cat", "a house cat", "a tomcat"),
    "deer": ("a deer", "a stag", "a doe", "a fawn", "an elk"),
    "dog": ("a dog", "a puppy", "a hound", "a spaniel", "a terrier"),
    "frog": ("a frog", "a toad", "a tree frog", "a bullfrog", "an amphibian"),
    "horse": ("a horse", "a pony", "a foal", "a stallion", "a mare"),
    "ship": ("a ship", "a boat", "a ferry", "a cargo ship", "a yacht"),
    "truck": ("a truck", "a lorry", "a dump truck", "a fire engine", "a pickup truck"),
}
DESCRIPTIONS: dict[str, tuple[str, ...]] = {
    "airplane": (
        "a machine with wings and engines that carries passengers through the air",
        "something with a pilot, high above the clouds",
        "it lands at an airport",
        "a flight to another country",
    ),
    "automobile": (
        "a small vehicle for a family of four",
        "something that people drive to work",
        "it is parked in front of a house",
        "a vehicle with four doors and a steering wheel",
    ),
    "bird": (
        "an animal with feathers and a beak",
        "it builds a nest and lays eggs",
        "something that sings in a tree",
        "an animal that flaps its wings",
    ),
    "cat": (
        "a pet that purrs",
        "an animal with whiskers that hunts mice",
        "it sleeps on the sofa and scratches it",
        "a feline",
    ),
    "deer": (
        "a wild animal with antlers",
        "a shy animal at the edge of a forest",
        "it is what hunters in the woods look for",
        "an animal that pulls the sleigh at Christmas",
    ),
    "dog": (
        "man's best friend",
        "a loyal pet that wags its tail",
        "it fetches a stick and guards the house",
        "a canine on a leash",
    ),
    "frog": (
        "a green animal that hops",
        "it begins its life as a tadpole",
        "a slimy creature that catches flies with its tongue",
        "something wet that sits on a water lily",
    ),
    "horse": (
        "an animal that is ridden with a saddle",
        "it gallops over a meadow",
        "something with a mane and hooves in a stable",
        "an animal that wins races",
    ),
    "ship": (
        "a vessel on the sea",
        "something with sails or a funnel that lies in a harbour",
        "it carries containers across the ocean",
        "a captain and his crew on the water",
    ),
    "truck": (
        "a large vehicle that carries goods on a motorway",
        "something heavy with a trailer",
        "it delivers furniture to a warehouse",
        "a big rig with eighteen wheels",
    ),
}
HELD_OUT_TEMPLATES = ("an image that shows {}", "here you can see {}")
HELD_OUT_DESCRIPTIONS: dict[str, str] = {
    "airplane": "it takes off from a runway",
    "automobile": "a shiny vehicle with a driver on a city street",
    "bird": "an animal that chirps on a branch",
    "cat": "an animal that meows",
    "deer": "a graceful animal with horns that lives in the forest",
    "dog": "an animal that barks",
    "frog": "an animal that croaks in a pond",
    "horse": "an animal that neighs and carries a rider",
    "ship": "it floats and crosses the ocean",
    "truck": "a vehicle that hauls heavy loads",
}


def training_captions(label: str) -> list[str]:
    """Return the captions of a class to learn from."""
    nouns = [template.format(n) for template in TEMPLATES for n in NOUNS[label]]
    return [*nouns, *DESCRIPTIONS[label]]


def held_out_captions() -> list[list[str]]:
    """Return sets of captions that are not learnt from, one for each class in order."""
    names = [
        [template.format(NOUNS[label][0]) for label in cifar10.CLASSES]
        for template in HELD_OUT_TEMPLATES
    ]
    return [*names, [HELD_OUT_DESCRIPTIONS[label] for label in cifar10.CLASSES]]
