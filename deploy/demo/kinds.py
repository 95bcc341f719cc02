"""What the demo's businesses do: services with minutes and a price in euros, hours, and what customers ask for."""

WEEK = ["mon", "tue", "wed", "thu", "fri"]
SHOP = [(WEEK, "09:00", "18:00"), (["sat"], "09:00", "14:00")]
LATE = [(["tue", "wed", "thu", "fri"], "10:00", "20:00"), (["sat"], "09:00", "17:00")]
OFFICE = [(WEEK, "08:30", "12:30"), (WEEK, "13:30", "17:30")]
DAILY = [(WEEK + ["sat", "sun"], "08:00", "20:00")]
NIGHT = [(["thu", "fri", "sat"], "20:00", "04:00")]
ROUND = [(WEEK + ["sat", "sun"], "00:00", "24:00")]

# word for the category: (name's ending, summary, hours, services, attributes that some have)
# a service: (id, name, minutes, least, most, where) where: at_business, at_customer, remote
KINDS = {
    "hairdresser": ("Hair", "Haircuts, colour and care for every head of hair.", LATE, [
        ("cut", "Cut and blow-dry", 45, 35, 55, "at_business"), ("colour", "Colour and gloss", 120, 80, 140, "at_business"),
        ("fringe", "Fringe trim", 15, 8, 12, "at_business")], ["parking", "wheelchair_access", "vegan_products", "walk_ins"]),
    "barber": ("Barbers", "Haircuts, fades, beards and hot towels.", LATE, [
        ("fade", "Skin fade", 30, 22, 32, "at_business"), ("beard", "Beard trim and hot towel", 30, 18, 25, "at_business")],
        ["walk_ins", "card_payment"]),
    "massage": ("Massage", "Deep tissue, sports and pregnancy massage.", DAILY, [
        ("hour", "One hour of massage", 60, 60, 85, "at_business"), ("half", "Neck and shoulders", 30, 35, 48, "at_business"),
        ("home", "Massage at your home", 90, 110, 150, "at_customer")], ["parking", "wheelchair_access", "gift_cards"]),
    "physiotherapist": ("Physiotherapy", "Treatment after injuries, for backs and for runners.", OFFICE, [
        ("first", "First appointment", 45, 70, 95, "at_business"), ("treatment", "Treatment", 25, 38, 55, "at_business"),
        ("video", "Exercise plan by video", 30, 40, 50, "remote")], ["wheelchair_access", "parking", "insurance"]),
    "dentist": ("Dental Practice", "Check-ups, fillings and gentle care for the anxious.", OFFICE, [
        ("checkup", "Check-up", 30, 45, 70, "at_business"), ("cleaning", "Professional cleaning", 60, 85, 120, "at_business")],
        ["wheelchair_access", "children", "insurance"]),
    "plumber": ("Plumbing", "Leaks, blockages and boilers, also at night.", ROUND, [
        ("leak", "Leak or blockage", 90, 90, 180, "at_customer"), ("boiler", "Boiler service", 60, 95, 140, "at_customer")],
        ["emergency", "card_payment"]),
    "electrician": ("Electrics", "Wiring, lights, sockets and charging points.", SHOP, [
        ("visit", "Call-out and small repair", 60, 75, 120, "at_customer"), ("check", "Safety check of a home", 120, 140, 220, "at_customer")],
        ["emergency", "certified"]),
    "locksmith": ("Locks", "Locked out? Doors opened without damage, day and night.", ROUND, [
        ("open", "Open a door", 45, 80, 150, "at_customer"), ("change", "Change a lock", 60, 110, 190, "at_customer")], ["emergency"]),
    "cleaner": ("Cleaning", "Homes, offices and the flat you are moving out of.", SHOP, [
        ("home", "Home cleaning, two hours", 120, 50, 70, "at_customer"), ("moving", "End of tenancy", 300, 190, 280, "at_customer")],
        ["eco_products", "insured"]),
    "photographer": ("Photography", "Portraits, families and small weddings.", DAILY, [
        ("portrait", "Portrait session", 60, 120, 200, "at_business"), ("family", "Family session outdoors", 90, 180, 260, "at_customer")],
        ["studio", "drone"]),
    "tutor": ("Tutoring", "Mathematics, physics and patience, for school and university.", [(WEEK, "13:00", "20:00"), (["sat"], "10:00", "16:00")], [
        ("lesson", "Single lesson", 60, 32, 48, "remote"), ("visit", "Lesson at your home", 90, 55, 75, "at_customer")],
        ["trial_lesson", "children"]),
    "language-school": ("Language School", "Small groups and single lessons, from the first word on.", LATE, [
        ("single", "Single lesson", 45, 35, 50, "at_business"), ("online", "Lesson by video", 45, 30, 42, "remote")],
        ["trial_lesson", "wheelchair_access"]),
    "music-teacher": ("Music Lessons", "Piano, guitar and singing, for fingers of any age.", [(WEEK, "12:00", "20:00")], [
        ("piano", "Piano lesson", 45, 38, 55, "at_business"), ("online", "Lesson by video", 30, 25, 35, "remote")], ["children", "trial_lesson"]),
    "yoga-studio": ("Yoga", "Quiet rooms, private lessons and classes before work.", [(WEEK, "06:30", "21:00"), (["sat", "sun"], "08:00", "13:00")], [
        ("private", "Private lesson", 60, 60, 85, "at_business"), ("online", "Private lesson by video", 45, 40, 55, "remote")],
        ["showers", "wheelchair_access", "children"]),
    "personal-trainer": ("Training", "Strength, running and getting back after an injury.", [(WEEK, "06:00", "21:00")], [
        ("session", "Training session", 60, 55, 90, "at_business"), ("park", "Session in your park", 60, 65, 95, "at_customer")],
        ["showers", "trial_lesson"]),
    "veterinarian": ("Veterinary Practice", "Dogs, cats and what lives in a cage.", OFFICE, [
        ("visit", "Consultation", 20, 40, 65, "at_business"), ("vaccination", "Vaccination", 15, 45, 70, "at_business"),
        ("home", "Visit at your home", 40, 90, 130, "at_customer")], ["parking", "emergency"]),
    "dog-groomer": ("Dog Grooming", "Baths, coats and claws, with time for the shy.", SHOP, [
        ("bath", "Bath and brush", 60, 45, 65, "at_business"), ("full", "Full groom", 120, 70, 110, "at_business")], ["parking", "cats"]),
    "bike-workshop": ("Bike Workshop", "Repairs while you wait, tuning while you sleep.", SHOP, [
        ("check", "Check and tune", 45, 45, 70, "at_business"), ("puncture", "Puncture", 20, 12, 18, "at_business"),
        ("van", "Repair at your door", 60, 55, 80, "at_customer")], ["walk_ins", "ebikes"]),
    "car-mechanic": ("Motors", "Service, brakes and the annual inspection.", SHOP, [
        ("service", "Service", 120, 140, 260, "at_business"), ("tyres", "Change of tyres", 45, 40, 60, "at_business")],
        ["parking", "electric_cars", "loan_car"]),
    "tax-adviser": ("Tax Advice", "Returns for people who work for themselves.", OFFICE, [
        ("first", "First talk", 30, 60, 90, "remote"), ("return", "Tax return, together", 90, 180, 300, "at_business")], ["wheelchair_access", "certified"]),
    "lawyer": ("Law Office", "Tenancy, work and family law in plain words.", OFFICE, [
        ("first", "First consultation", 45, 90, 160, "at_business"), ("video", "Consultation by video", 30, 70, 120, "remote")], ["wheelchair_access"]),
    "therapist": ("Psychotherapy", "Talking, at the pace that is yours.", [(WEEK, "09:00", "19:00")], [
        ("first", "First talk", 50, 80, 120, "at_business"), ("video", "Session by video", 50, 75, 110, "remote")], ["insurance", "evenings"]),
    "tattoo-studio": ("Tattoo", "Fine lines and old school, by appointment.", [(["tue", "wed", "thu", "fri", "sat"], "12:00", "20:00")], [
        ("talk", "Consultation", 30, 0, 0, "at_business"), ("small", "Small piece", 120, 120, 220, "at_business")], ["vegan_products", "card_payment"]),
    "nail-studio": ("Nails", "Manicure, pedicure and a cup of tea.", SHOP, [
        ("manicure", "Manicure", 45, 28, 42, "at_business"), ("gel", "Gel nails", 75, 45, 65, "at_business")], ["vegan_products", "walk_ins"]),
    "karaoke-bar": ("Karaoke", "Private rooms until four in the morning.", NIGHT, [
        ("small", "Room for six, one hour", 60, 30, 45, "at_business"), ("large", "Room for twelve, two hours", 120, 90, 130, "at_business")],
        ["drinks", "wheelchair_access"]),
    "night-doula": ("Night Nanny", "Somebody with the baby, so that you sleep.", [(["sun", "mon", "tue", "wed", "thu"], "21:00", "07:00")], [
        ("night", "A whole night", 480, 180, 260, "at_customer"), ("talk", "Advice by telephone", 45, 40, 55, "remote")], ["certified", "insured"]),
    "escape-room": ("Escape Rooms", "An hour to find the way out.", [(["wed", "thu", "fri"], "14:00", "23:00"), (["sat", "sun"], "10:00", "01:00")], [
        ("room", "One room, up to six", 75, 80, 120, "at_business")], ["children", "wheelchair_access"]),
    "florist": ("Flowers", "Bunches, weddings and a regular vase.", SHOP, [
        ("talk", "Wedding flowers: a talk", 45, 0, 0, "at_business")], ["delivery", "parking"]),
    "it-help": ("Computer Help", "Slow laptops, lost pictures, new telephones.", SHOP, [
        ("remote", "Help by remote control", 30, 25, 40, "remote"), ("visit", "Visit at your home", 60, 65, 90, "at_customer")], ["card_payment"]),
    "gardener": ("Gardens", "Hedges, lawns and beds that look after themselves.", [(WEEK, "07:00", "16:00")], [
        ("talk", "Look at the garden", 45, 30, 50, "at_customer"), ("half-day", "Half a day of work", 240, 160, 230, "at_customer")], ["eco_products", "insured"]),
}

# A sentence about a place in the language of the country, {name} and {city}.
SENTENCES = {
    "de": "{name} in {city}: Termine online, freundlich und pünktlich.",
    "fr": "{name} à {city} : rendez-vous en ligne, accueil chaleureux.",
    "es": "{name} en {city}: cita previa en línea, trato cercano.",
    "it": "{name} a {city}: appuntamenti online, con calma e cura.",
    "pt": "{name} em {city}: marcação em linha, atendimento com calma.",
    "nl": "{name} in {city}: afspraken online, vriendelijk en op tijd.",
    "pl": "{name}, {city}: wizyty przez internet, spokojnie i na czas.",
    "sv": "{name} i {city}: boka tid på nätet.",
    "ja": "{city}の{name}。オンラインで予約できます。",
    "hi": "{city} में {name}: ऑनलाइन समय लें।",
    "tr": "{city} içinde {name}: çevrim içi randevu.",
    "el": "{name}, {city}: ραντεβού μέσω διαδικτύου.",
    "ne": "{city} मा {name}: अनलाइन समय लिनुहोस्।",
}
