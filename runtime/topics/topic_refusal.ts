/** The topic cannot be read as it is: a sentence says why, and trying again at once does not help. */
export class TopicRefusal extends Error {
  override readonly name = "TopicRefusal";
}
